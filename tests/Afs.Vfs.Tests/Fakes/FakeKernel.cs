using Afs.Fuse;

namespace Afs.Vfs.Tests;

/// <summary>Records what the kernel was told.</summary>
internal sealed class FakeKernel : IFuseNotifier
{
    private int _lastBacking;

    public List<NodeId> Invalidated { get; } = [];

    public List<(NodeId Parent, string Name)> Expired { get; } = [];

    public SemaphoreSlim ExpiryBegan { get; } = new(0);

    /// <summary>A directory's lock that an expiry waits for; null: it is free.</summary>
    public ManualResetEventSlim? Hold { get; set; }

    public int Epoch { get; private set; }

    public HashSet<BackingId> OpenBackings { get; } = [];

    /// <summary>Nodes that the kernel has not heard of yet, since the reply is on its way.</summary>
    public HashSet<NodeId> Unknown { get; } = [];

    public Errno BackingError { get; set; }

    public Errno InvalidateNode(NodeId node, long offset = -1)
    {
        Invalidated.Add(node);
        return Unknown.Contains(node) ? Errno.ENOENT : Errno.None;
    }

    public Errno ExpireEntry(NodeId parent, ReadOnlySpan<byte> name)
    {
        lock (Expired)
            Expired.Add((parent, System.Text.Encoding.Latin1.GetString(name)));
        ExpiryBegan.Release();
        Hold?.Wait();
        return Errno.None;
    }

    /// <summary>Runs when somebody waits for RELEASEs that are on their way.</summary>
    public Action OnReleasesAwaited { get; set; } = static () => { };

    public ValueTask EarlierReleasesAsync()
    {
        OnReleasesAwaited();
        return ValueTask.CompletedTask;
    }

    public Errno IncrementEpoch()
    {
        Epoch++;
        return Errno.None;
    }

    public FuseResult<BackingId> OpenBacking(int fileDescriptor)
    {
        if (BackingError != Errno.None)
            return BackingError;
        var backing = new BackingId(++_lastBacking);
        OpenBackings.Add(backing);
        return backing;
    }

    public Errno CloseBacking(BackingId backing) => OpenBackings.Remove(backing) ? Errno.None : Errno.ENOENT;
}
