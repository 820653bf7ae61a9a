using Afs.Fuse;
using Afs.Rpc;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>
/// GETLK, SETLK and SETLKW, and the ends of locks by FLUSH and RELEASE. What the <see cref="LockTable"/> decides is answered at once; the rest is asked of the server (<see cref="ICellLocks"/>). A request that waits is a
/// task without a thread, which an INTERRUPT ends.
/// </summary>
internal sealed class LockRequests(VfsMount mount)
{
    /// <summary>Rounds of a request for a file whose token comes and goes.</summary>
    private const int MostRounds = 64;

    /// <summary>How often, and after what time, a request that conflicts only with what this client lets go of at this moment is asked again.</summary>
    private const int MostReleaseRounds = 25;

    private static readonly TimeSpan ReleasePause = TimeSpan.FromMilliseconds(10);

    private readonly LockTable _table = mount.Locks;
    private readonly KernelLink _kernel = mount.Kernel;
    private readonly ICellLocks? _cell = mount.Cache.Locks;

    public async ValueTask<FuseResult<FileLock>> GetAsync(Fid fid, FileHandle handle, FileLock wanted, OperationContext operation)
    {
        if (_table.IsLost(handle))
            return Errno.EIO;
        for (int round = 0; round < MostRounds; round++)
        {
            if (_cell is null || _table.IsHere(fid))
            {
                FileLock found = _table.Test(fid, wanted, out bool mayEnd);
                if (!mayEnd)
                    return found;
                await _kernel.EarlierReleasesAsync();
                return _table.Test(fid, wanted, out _);
            }

            await AwaitReleasesAsync(fid, wanted);
            var test = new TestedLock(fid, LockTable.ToRange(wanted));
            test.BeginWaiting();
            Result<LockVerdict> tested = await _cell.AskAsync(test, operation);
            if (tested is { IsSuccess: true, Value: LockVerdict.Queued })
                tested = await DecidedAsync(test, operation);
            if (!tested.IsSuccess)
                return tested.Failure.ToErrno();
            if (tested.Value == LockVerdict.TooMany)
                return Errno.ENOLCK;
            if (tested.Value is LockVerdict.Granted or LockVerdict.Conflict)
                return test.Conflict is { } conflict ? ToLock(conflict) : wanted with { Kind = FileLockKind.Unlock };
        }

        return Errno.EIO;
    }

    /// <param name="isSilent">Descriptors of this open file close without a FLUSH.</param>
    public ValueTask<Errno> Set(Fid fid, FileHandle handle, FileLock wanted, bool isSilent, bool wait, OperationContext operation)
    {
        if (_table.IsLost(handle))
            return new(Errno.EIO);
        LockOutcome outcome = _table.Set(fid, handle, wanted, isSilent, wait ? LockWait.UntilFree : LockWait.Never, out LockWaiter? waiter);
        return outcome == LockOutcome.AskServer ? AskAsync(fid, handle, wanted, isSilent, wait, operation) : Finish(outcome, waiter, fid, handle, wanted, isSilent, operation);
    }

    /// <summary>The locks of a process that closes the file end when what it wrote is stored, or can't be.</summary>
    public ValueTask<Errno> Flushed(ValueTask<Errno> stored, Fid fid, FileHandle handle, ulong owner, OperationContext operation)
    {
        if (!_table.WasLocked(fid))
            return stored;
        if (!stored.IsCompletedSuccessfully)
            return FlushedAsync(stored, fid, handle, owner, operation);
        FreedLocks freed = _table.Flushed(fid, handle, owner);
        return freed.IsNone ? new(_table.IsLost(handle) ? Errno.EIO : stored.Result) : TellAsync(stored.Result, fid, handle, freed, operation);
    }

    /// <summary>Called before the handle is removed: so a successor of this daemon never finds locks of a handle that is gone.</summary>
    public void Released(Fid fid, FileHandle handle)
    {
        FreedLocks freed = _table.Released(fid, handle);
        if (!freed.IsNone && _cell is not null)
            BackgroundWork.Start("unlocking", () => _cell.UnlockAsync(fid, freed.Ranges, freed.HadWrites, OperationContext.OfClient(CancellationToken.None)).AsTask());
    }

    private async ValueTask<Errno> FlushedAsync(ValueTask<Errno> stored, Fid fid, FileHandle handle, ulong owner, OperationContext operation)
    {
        Errno error = Errno.EIO;
        FreedLocks freed;
        try
        {
            error = await stored;
        }
        finally
        {
            freed = _table.Flushed(fid, handle, owner);
        }

        return await TellAsync(error, fid, handle, freed, operation);
    }

    private async ValueTask<Errno> TellAsync(Errno error, Fid fid, FileHandle handle, FreedLocks freed, OperationContext operation)
    {
        if (!freed.IsNone && _cell is not null)
        {
            // Also what was written by another descriptor than the one that is closed.
            Failure failure = await _cell.UnlockAsync(fid, freed.Ranges, freed.HadWrites, operation);
            error = error == Errno.None ? failure.ToErrno() : error;
        }

        return _table.IsLost(handle) ? Errno.EIO : error;
    }

    private ValueTask<Errno> Finish(LockOutcome outcome, LockWaiter? waiter, Fid fid, FileHandle handle, FileLock wanted, bool isSilent, OperationContext operation) => outcome switch
    {
        LockOutcome.Waits => AwaitAsync(waiter!, operation),
        LockOutcome.ConflictsWithWhatMayEnd => AwaitReleaseAsync(fid, handle, wanted, isSilent, operation),
        LockOutcome.Granted when _cell is not null && wanted.Kind != FileLockKind.Unlock && !mount.OpenContents.IsCurrent(handle) => CurrentAsync(fid, handle, wanted),
        _ => new(ToErrno(outcome)),
    };

    /// <summary>Granted here, to who has another version open than other processes of this client.</summary>
    private async ValueTask<Errno> CurrentAsync(Fid fid, FileHandle handle, FileLock wanted)
    {
        Failure failure = await mount.OpenContents.BringCurrentAsync(handle);
        if (failure.IsNone)
            return Errno.None;
        await LetGoAsync(fid, handle, wanted);
        return failure.ToErrno();
    }

    private async ValueTask LetGoAsync(Fid fid, FileHandle handle, FileLock wanted)
    {
        FileLock unlock = wanted with { Kind = FileLockKind.Unlock };
        if (_table.Set(fid, handle, unlock, isSilent: false, LockWait.Never, out _) == LockOutcome.AskServer)
            await UnlockAsync(fid, unlock, OperationContext.OfClient(CancellationToken.None));
    }

    private async ValueTask<Errno> AskAsync(Fid fid, FileHandle handle, FileLock wanted, bool isSilent, bool wait, OperationContext operation)
    {
        for (int round = 0, releases = 0; round < MostRounds; round++)
        {
            if (_table.IsLost(handle))
                return Errno.EIO;
            if (wanted.Kind == FileLockKind.Unlock)
                return await UnlockAsync(fid, wanted, operation);
            // What was written under a lock is stored before others may have it, also for reading.
            if (wanted.Kind == FileLockKind.Read && _table.IsHeldForWriting(fid, wanted) && await mount.Cache.Contents.StoreOpenAsync(fid, operation) is { IsNone: false } notStored)
                return notStored.ToErrno();
            await AwaitReleasesAsync(fid, wanted);
            var waiter = new LockWaiter(fid, handle, wanted, isSilent, wait, mount.OpenContents.BringCurrentAsync);
            waiter.BeginWaiting();
            Result<LockVerdict> asked = await _cell!.AskAsync(waiter, operation);
            if (asked is { IsSuccess: true, Value: LockVerdict.IsHolders })
            {
                LockOutcome outcome = _table.Set(fid, handle, wanted, isSilent, wait ? LockWait.UntilFree : LockWait.Never, out LockWaiter? waits);
                if (outcome == LockOutcome.AskServer)
                    continue;
                return await Finish(outcome, waits, fid, handle, wanted, isSilent, operation);
            }

            if (asked is { IsSuccess: true, Value: LockVerdict.Queued })
                return await AwaitAsync(waiter, operation);
            if (asked is { IsSuccess: true, Value: LockVerdict.Conflict } && waiter.Conflict is { IsOwn: true } && MayEndHere(fid, wanted) && releases++ < MostReleaseRounds)
            {
                await Task.Delay(ReleasePause, mount.Time, CancellationToken.None);
                continue;
            }

            return ToErrno(asked);
        }

        return Errno.EIO;
    }

    private async ValueTask<Errno> UnlockAsync(Fid fid, FileLock wanted, OperationContext operation)
    {
        FreedLocks freed = _table.Unlock(fid, wanted);
        return freed.IsNone ? Errno.None : (await _cell!.UnlockAsync(fid, freed.Ranges, freed.HadWrites, operation)).ToErrno();
    }

    /// <summary>A lock of an open file that may be closed already is not conflicted with: its end goes to the server first.</summary>
    private ValueTask AwaitReleasesAsync(Fid fid, FileLock wanted)
    {
        FileLock conflict = _table.Test(fid, wanted, out bool mayEnd);
        return conflict.Kind != FileLockKind.Unlock && mayEnd ? _kernel.EarlierReleasesAsync() : ValueTask.CompletedTask;
    }

    private async ValueTask<Errno> AwaitAsync(LockWaiter waiter, OperationContext operation)
    {
        Result<LockVerdict> decided = await DecidedAsync(waiter, operation);
        if (decided is { IsSuccess: true, Value: LockVerdict.Late }) // This client has lost its place: from the beginning.
            return await AskAsync(waiter.Fid, waiter.Handle, waiter.Lock, waiter.IsSilent, waiter.Waits, operation);
        return decided is { IsSuccess: true, Value: LockVerdict.Granted }
            ? await Finish(LockOutcome.Granted, null, waiter.Fid, waiter.Handle, waiter.Lock, waiter.IsSilent, operation)
            : ToErrno(decided);
    }

    /// <summary>What conflicts at the server was this client's, and isn't held here any more, or may be closed.</summary>
    private bool MayEndHere(Fid fid, FileLock wanted) => _table.Test(fid, wanted, out bool mayEnd).Kind == FileLockKind.Unlock || mayEnd;

    private async ValueTask<Result<LockVerdict>> DecidedAsync(AskedLock asked, OperationContext operation)
    {
        try
        {
            return await asked.Decided.WaitAsync(operation);
        }
        catch (OperationCanceledException)
        {
            if (asked is LockWaiter waiter && _table.Withdraw(waiter) || _cell is not null && await _cell.WithdrawAsync(asked))
                return FailureKind.Interrupted;
            return await asked.Decided;
        }
    }

    private async ValueTask<Errno> AwaitReleaseAsync(Fid fid, FileHandle handle, FileLock wanted, bool isSilent, OperationContext operation)
    {
        LockOutcome outcome = _table.Set(fid, handle, wanted, isSilent, LockWait.Briefly, out LockWaiter? waiter);
        if (outcome == LockOutcome.AskServer)
            return await AskAsync(fid, handle, wanted, isSilent, wait: false, operation);
        if (outcome != LockOutcome.Waits)
            return await Finish(outcome == LockOutcome.ConflictsWithWhatMayEnd ? LockOutcome.Conflicts : outcome, waiter, fid, handle, wanted, isSilent, operation);
        await _kernel.EarlierReleasesAsync();
        if (_table.Withdraw(waiter!) || _cell is not null && await _cell.WithdrawAsync(waiter!))
            return Errno.EAGAIN;
        return await AwaitAsync(waiter!, operation);
    }

    /// <summary>A process of another client has no number here; 0 is nobody's.</summary>
    private static FileLock ToLock(LockConflict conflict) => new(
        conflict.Range.Owner.Value, conflict.Range.Start, conflict.Range.End, conflict.Range.Mode == LockMode.Write ? FileLockKind.Write : FileLockKind.Read, conflict.IsOwn ? conflict.Range.Pid : 0,
        conflict.Range.IsFlock);

    private static Errno ToErrno(Result<LockVerdict> decided) => !decided.IsSuccess ? decided.Failure.ToErrno() : decided.Value switch
    {
        LockVerdict.Granted => Errno.None,
        LockVerdict.Deadlock => Errno.EDEADLK,
        LockVerdict.TooMany => Errno.ENOLCK,
        LockVerdict.Conflict => Errno.EAGAIN,
        _ => Errno.EIO,
    };

    private static Errno ToErrno(LockOutcome outcome) => outcome switch
    {
        LockOutcome.Granted => Errno.None,
        LockOutcome.Deadlock => Errno.EDEADLK,
        LockOutcome.TooMany => Errno.ENOLCK,
        _ => Errno.EAGAIN,
    };
}

/// <summary>What open files see, when they get a lock of the server: what was stored under it before.</summary>
internal sealed class OpenContents(ICacheManager cache, HandleTable<OpenFile> files, NodeTable nodes, KernelLink kernel)
{
    /// <summary>As far as is known without a call.</summary>
    public bool IsCurrent(FileHandle handle) => files.Find(handle) is not { } file || cache.Contents.IsCurrent(file.Container);

    /// <summary>
    /// Where another client stored since the file was opened, that is its content from here on, for all who have it open so: descriptors, passthrough and mappings. A file that was changed here and isn't stored is left.
    /// </summary>
    public async ValueTask<Failure> BringCurrentAsync(FileHandle handle)
    {
        if (files.Find(handle) is not { } file)
            return Failure.None; // A directory.
        cache.BeginOperation(); // What was found before the grant says nothing, where the server promises nothing.
        Result<bool> refreshed = await cache.Contents.RefreshAsync(file.Container, OperationContext.OfClient(CancellationToken.None));
        if (!refreshed.IsSuccess)
            return refreshed.Failure;
        if (!refreshed.Value)
            return Failure.None;
        file.Node.NoteRewritten();
        Node? current = nodes.FindCurrent(file.Node.Fid);
        // The kernel may have pages that somebody reads at this moment: not on a thread that serves its requests.
        await Task.Run(() => kernel.Session.Notifier.InvalidateNode(file.Node.Id, 0), CancellationToken.None);
        if (current is FileNode other && other != file.Node)
        {
            other.NoteRewritten();
            await Task.Run(() => kernel.Session.Notifier.InvalidateNode(other.Id, 0), CancellationToken.None);
        }
        return Failure.None;
    }
}
