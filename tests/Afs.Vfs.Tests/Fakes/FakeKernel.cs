using Afs.Fuse;

namespace Afs.Vfs.Tests;

/// <summary>Records what the kernel was told.</summary>
internal sealed class FakeKernel : IFuseNotifier
{
    private int _lastBacking;

    public List<NodeId> Invalidated { get; } = [];

    public int Epoch { get; private set; }

    public HashSet<BackingId> OpenBackings { get; } = [];

    /// <summary>Nodes that the kernel has not heard of yet, since the reply is on its way.</summary>
    public HashSet<NodeId> Unknown { get; } = [];

    public Errno BackingError { get; set; }

    public Errno InvalidateNode(NodeId node, long offset = -1, long lengthBytes = 0)
    {
        Invalidated.Add(node);
        return Unknown.Contains(node) ? Errno.ENOENT : Errno.None;
    }

    public Errno InvalidateEntry(NodeId parent, ReadOnlySpan<byte> name) => throw new NotSupportedException("It may wait.");

    public Errno Delete(NodeId parent, NodeId child, ReadOnlySpan<byte> name) => throw new NotSupportedException("It may wait.");

    public Errno IncrementEpoch()
    {
        Epoch++;
        return Errno.None;
    }

    public Errno Resend() => Errno.ENOSYS;

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
