using Afs.Fuse;

namespace Afs.Venus.Vfs;

/// <summary>
/// Repeats invalidations of nodes that the kernel was about to learn of when they were broken. Each is sent once more after some milliseconds,
/// and for the last time after some more; by then the reply that introduced the node has long been taken in.
/// </summary>
internal sealed class LateInvalidations : IDisposable
{
    private const int MaxWaiting = 65536;
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(20);

    private readonly Lock _lock = new();
    private readonly KernelLink _kernel;
    private readonly ITimer _timer;
    private HashSet<NodeId> _waiting = [];
    private HashSet<NodeId> _sentOnce = [];

    public LateInvalidations(KernelLink kernel, TimeProvider time)
    {
        _kernel = kernel;
        _timer = time.CreateTimer(_ => Send(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Beyond the bound nodes are left out: names are looked up again all the same.</summary>
    public void Add(NodeId node)
    {
        lock (_lock)
        {
            if (_waiting.Count >= MaxWaiting)
                return;
            if (_waiting.Add(node) && _waiting.Count == 1)
                _timer.Change(Interval, Timeout.InfiniteTimeSpan);
        }
    }

    public void Dispose() => _timer.Dispose();

    private void Send()
    {
        HashSet<NodeId> first, last;
        lock (_lock)
        {
            (first, last) = (_waiting, _sentOnce);
            (_sentOnce, _waiting) = (first, []);
            if (first.Count > 0)
                _timer.Change(Interval, Timeout.InfiniteTimeSpan);
        }

        foreach (NodeId node in first.Concat(last))
            _kernel.Session.Notifier.InvalidateNode(node);
    }
}
