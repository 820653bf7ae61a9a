using Afs.Platform;
using Afs.Rpc;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Cache;

/// <summary>
/// How the change log gets to stable storage: rounds, one at a time. A round syncs what was written before it began, the oldest segment first, and serves all who came by then; who comes
/// later waits for the next. After a round that failed, the next one writes all that waits to a new segment.
/// </summary>
internal sealed partial class ChangeLog
{
    /// <summary>Under the lock.</summary>
    private Task SyncRecordsAsync(long written)
    {
        if (_synced >= written)
            return Task.CompletedTask;
        if (_running is { } running && running.Through >= written)
            return running.Done.Task;
        _next ??= new SyncRound();
        if (_running is null)
            StartRounds();
        return (_running is { } begun && begun.Through >= written ? begun : _next!).Done.Task;
    }

    private void SyncInTheBackground()
    {
        lock (_lock)
        {
            _isTimerSet = false;
            if (_synced < _written && !_isClosed && _running is null)
            {
                _next ??= new SyncRound();
                StartRounds();
            }
        }
    }

    private void StartRounds()
    {
        BeginRound();
        BackgroundWork.Start("syncing the change log", RunRoundsAsync);
    }

    private void BeginRound()
    {
        (_running, _next) = (_next, null);
        _running!.Through = _written;
    }

    private async Task RunRoundsAsync()
    {
        while (true)
        {
            await Task.Yield(); // Who asked holds the lock.
            SyncRound round = _running!;
            DiskException? failure = null;
            try
            {
                if (_isSuspect)
                    await RewriteAsync();
                else
                    await SyncSegmentsAsync();
            }
            catch (DiskException e)
            {
                failure = e;
                LogSyncFailed(_volume, e.Message);
            }
            bool isLast = EndRound(round, failure);
            round.End(failure);
            if (isLast)
                return;
        }
    }

    /// <summary>True: there is no next one.</summary>
    private bool EndRound(SyncRound round, DiskException? failure)
    {
        lock (_lock)
        {
            SyncFailure = failure;
            _isSuspect = failure is not null;
            if (failure is null)
                _synced = Math.Max(_synced, round.Through);
            if (_next is not null)
            {
                BeginRound();
                return false;
            }
            _running = null;
            if (_synced < _written && !_isClosed)
                _isTimerSet = _timer.Change(_options.SyncInterval, Timeout.InfiniteTimeSpan);
            return true;
        }
    }

    private async Task SyncSegmentsAsync()
    {
        Segment[] unsynced;
        ulong settled;
        lock (_lock)
        {
            unsynced = [.. _segments.Where(static segment => !segment.IsSynced)];
            foreach (Segment segment in unsynced)
                segment.IsSynced = true;
            settled = Settled.Value;
        }
        await _work.RunAsync(() =>
        {
            foreach (Segment segment in unsynced)
                segment.File!.Sync();
            if (unsynced.Any(static segment => !segment.IsNamed))
                _disk.SyncDirectory(".");
            return true;
        });
        await TrimAsync(unsynced, settled);
    }

    /// <summary>
    /// The disk failed a sync, and what it was for may be nowhere. All that isn't settled is in memory: it becomes a segment of its own, which gets its name when it is on stable storage, and
    /// which depends on none before it. What is logged meanwhile goes to the old ones, and then once more to this one.
    /// </summary>
    private async Task RewriteAsync()
    {
        ChangeSegmentHeader header;
        LoggedChange[] changes;
        BatchNote[] notes;
        ChangeNumber[] withdrawn;
        List<byte[]> tail = [];
        lock (_lock)
        {
            changes = [.. _waiting.Skip(_gone)];
            notes = [.. _notes];
            withdrawn = [.. _withdrawn.Order()];
            header = new ChangeSegmentHeader(_volume, _client, _nextSegment++, 0, Settled.Next, Settled, _settledBatch, notes.Length == 0 ? _lastBatch : _settledBatch);
            _rewriteTail = tail;
        }
        string name = ChangeSegmentName.Of(_volume, header.Segment), unfinished = name + ChangeSegmentName.Unfinished;
        Segment[] replaced;
        ulong settled;
        try
        {
            (Segment made, uint chain) = await _work.RunAsync(() => WriteAnew(unfinished, name, header, changes, notes, withdrawn));
            lock (_lock)
                (replaced, settled) = (TakeOver(made, chain, tail, unfinished), header.Settled.Value);
        }
        finally
        {
            lock (_lock)
                _rewriteTail = null;
        }
        await _work.RunAsync(() =>
        {
            _disk.SyncDirectory(".");
            return true;
        });
        LogRewritten(_volume);
        lock (_lock)
        {
            foreach (Segment segment in replaced)
                segment.KeptUntil = ChangeNumber.None;
        }
        await TrimAsync([], settled);
    }

    private (Segment Made, uint Chain) WriteAnew(string unfinished, string name, ChangeSegmentHeader header, LoggedChange[] changes, BatchNote[] notes, ChangeNumber[] withdrawn)
    {
        _disk.Delete(unfinished);
        IDiskFile file = _disk.Open(unfinished, DiskOpenMode.CreateNew);
        try
        {
            byte[] buffer = new byte[ChangeRecords.MostRecordBytes];
            uint chain = header.Write(buffer);
            var segment = new Segment(name, file) { EndsAt = ChangeSegmentHeader.Bytes, KeptUntil = new ChangeNumber(header.First.Value + (ulong)changes.Length - 1) };
            file.Write(0, buffer.AsSpan(0, ChangeSegmentHeader.Bytes));
            foreach (LoggedChange change in changes)
            {
                Span<byte> record = buffer.AsSpan(0, ChangeRecords.LengthOf(change.Change));
                ChangeRecords.Write(record, ref chain, change.Number, change.LoggedAt, change.Change);
                AddRecord(segment, record);
            }
            foreach (BatchNote note in notes)
            {
                Span<byte> record = buffer.AsSpan(0, ChangeRecords.LengthOf(note));
                ChangeRecords.Write(record, ref chain, note);
                AddRecord(segment, record);
            }
            foreach (ChangeNumber[] some in withdrawn.Chunk(ChangeRecords.MostWithdrawnOfRecord))
            {
                Span<byte> record = buffer.AsSpan(0, ChangeRecords.LengthOfWithdrawn(some.Length));
                ChangeRecords.WriteWithdrawn(record, ref chain, some);
                AddRecord(segment, record);
            }
            file.Sync();
            segment.IsSynced = true;
            return (segment, chain);
        }
        catch (DiskException)
        {
            file.Dispose();
            _disk.Delete(unfinished);
            throw;
        }
    }

    /// <summary>Under the lock: the new segment is the log. Those that it stands for, which go when its name is on stable storage.</summary>
    private Segment[] TakeOver(Segment made, uint chain, List<byte[]> tail, string unfinished)
    {
        try
        {
            foreach (byte[] record in tail)
            {
                ChangeRecords.Chain(record, ref chain);
                AddRecord(made, record);
                made.IsSynced = false;
            }
            _disk.Rename(unfinished, made.Name);
        }
        catch (DiskException)
        {
            made.File!.Dispose();
            _disk.Delete(unfinished);
            throw;
        }
        made.KeptUntil = Last;
        Segment[] replaced = [.. _segments];
        _segments.Add(made);
        _chain = chain;
        return replaced;
    }

    private static void AddRecord(Segment segment, ReadOnlySpan<byte> record)
    {
        segment.File!.Write(segment.EndsAt, record);
        segment.EndsAt += record.Length;
    }

    /// <summary>What the log has no use for goes, the oldest first, when what says so is on stable storage. One that can't be deleted is tried again by the next round.</summary>
    private async Task TrimAsync(Segment[] synced, ulong settled)
    {
        Segment[] old;
        lock (_lock)
        {
            foreach (Segment segment in synced)
                segment.IsNamed = true;
            _syncedSettled = Math.Max(_syncedSettled, settled);
            old = [.. _segments.SkipLast(1).TakeWhile(segment => segment.KeptUntil.Value <= _syncedSettled)];
        }
        if (old.Length == 0)
            return;
        int gone = await _work.RunAsync(() => Delete(old));
        lock (_lock)
            _segments.RemoveRange(0, gone);
    }

    private int Delete(Segment[] segments)
    {
        for (int i = 0; i < segments.Length; i++)
        {
            try
            {
                _disk.Delete(segments[i].Name);
                segments[i].File?.Dispose();
            }
            catch (DiskException e)
            {
                LogNotDeleted(segments[i].Name, e.Message);
                return i;
            }
        }
        return segments.Length;
    }

    private sealed class SyncRound
    {
        /// <summary>Records that it is for, once it has begun.</summary>
        public long Through { get; set; }

        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void End(DiskException? failure)
        {
            if (failure is null)
            {
                Done.SetResult();
                return;
            }
            Done.SetException(failure);
            _ = Done.Task.Exception; // Seen: it was logged, and perhaps nobody waits.
        }
    }

    [LoggerMessage(EventId = 403, Level = LogLevel.Warning, Message = "{Name} of the change log isn't needed any more, and can't be deleted: {Reason}")]
    private partial void LogNotDeleted(string name, string reason);
}
