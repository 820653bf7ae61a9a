namespace Afs.Fuse.TestHost;

internal sealed partial class MemoryFileSystem
{
    private readonly List<(NodeId Node, FileLock Lock)> _held = [];
    private TaskCompletionSource _lockFreed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public override ValueTask<FuseResult<FileLock>> GetLock(in FuseRequest request, NodeId node, FileHandle handle, FileLock wanted)
    {
        lock (_lock)
        {
            return new(Conflict(node, wanted) ?? wanted with { Kind = FileLockKind.Unlock });
        }
    }

    public override ValueTask<Errno> SetLock(in FuseRequest request, NodeId node, FileHandle handle, FileLock wanted, bool wait) =>
        TakeLock(node, wanted, wait, request.Interrupted);

    private async ValueTask<Errno> TakeLock(NodeId node, FileLock wanted, bool wait, CancellationToken interrupted)
    {
        while (true)
        {
            Task freed;
            lock (_lock)
            {
                if (wanted.Kind == FileLockKind.Unlock || Conflict(node, wanted) is null)
                {
                    _held.RemoveAll(held => held.Node == node && held.Lock.Owner == wanted.Owner && held.Lock.IsFlock == wanted.IsFlock);
                    if (wanted.Kind != FileLockKind.Unlock)
                    {
                        _held.Add((node, wanted));
                    }

                    WakeWaiters();
                    return Errno.None;
                }

                freed = _lockFreed.Task;
            }

            if (!wait)
            {
                return Errno.EAGAIN;
            }

            await freed.WaitAsync(interrupted).ConfigureAwait(false);
        }
    }

    /// <summary>What close(2) does to the locks of its owner.</summary>
    private void FreeLocks(NodeId node, ulong owner, bool areFlocks)
    {
        lock (_lock)
        {
            if (_held.RemoveAll(held => held.Node == node && held.Lock.Owner == owner && held.Lock.IsFlock == areFlocks) > 0)
            {
                WakeWaiters();
            }
        }
    }

    private void WakeWaiters()
    {
        _lockFreed.SetResult();
        _lockFreed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>Good enough for a test: whole files, not ranges of them.</summary>
    private FileLock? Conflict(NodeId node, FileLock wanted)
    {
        foreach ((NodeId heldNode, FileLock held) in _held)
        {
            bool isOther = heldNode == node && held.Owner != wanted.Owner && held.IsFlock == wanted.IsFlock;
            if (isOther && (held.Kind == FileLockKind.Write || wanted.Kind == FileLockKind.Write))
            {
                return held;
            }
        }

        return null;
    }
}
