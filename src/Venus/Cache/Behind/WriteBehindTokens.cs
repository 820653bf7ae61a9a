using Afs.Platform;
using Afs.Rpc;
using Afs.Venus.Callbacks;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Cache;

/// <summary>
/// How what is held ends. Whatever the reason, all that is logged is sent, nothing is held any more, and the tokens are returned. In doubt is what others may have changed before this client's changes arrived, or
/// what the server refused: when all is there, nothing is cached of it any more.
/// </summary>
internal sealed partial class WriteBehind
{
    /// <summary>The server wants these back, for others. Returns at once.</summary>
    public void Recall(IReadOnlyList<Fid> fids)
    {
        lock (_lock)
            _recalled.UnionWith(fids);
        ReturnAll();
    }

    /// <summary>
    /// The server says that somebody changed these: not so where this client holds their tokens, but for a call of its own that ran after it was given up. What is known here of such a one is old.
    /// Returns at once.
    /// </summary>
    public void Broken(IReadOnlyList<PromiseBreak> breaks)
    {
        lock (_lock)
        {
            if (_local.Count == 0)
                return;
            List<Fid> held = [.. breaks.Select(static one => one.Fid).Where(_local.Holds)];
            if (held.Count == 0)
                return;
            DoubtIfWaiting(held);
        }
        ReturnAll();
    }

    /// <summary>What was promised is gone, and the tokens with it. Returns at once.</summary>
    public void TrustLost(SuspectReason reason)
    {
        lock (_lock)
        {
            DoubtIfWaiting(_local.Held);
            if (reason == SuspectReason.ServerRestarted)
                Reclaim();
        }
        ReturnAll();
    }

    /// <summary>A batch arrived, and what it made is not under this client's tokens: others may have found it.</summary>
    private void TokensMissed()
    {
        lock (_lock)
            DoubtIfWaiting(_local.Held);
        ReturnAll();
    }

    /// <summary>Under the lock. <see cref="ReturnAll"/> follows. Where nothing waits, what is known here is as the server had it.</summary>
    private void DoubtIfWaiting(IEnumerable<Fid> fids)
    {
        if (_log.WaitingChanges > 0)
            Doubt(fids);
    }

    /// <inheritdoc cref="DoubtIfWaiting"/>
    private void Doubt(IEnumerable<Fid> fids)
    {
        _doubtful.UnionWith(fids);
        if (_doubtful.Count == 0 || _doubtEnds is not null)
            return;
        _doubtEnds = new(TaskCreationOptions.RunContinuationsAsynchronously);
        try
        {
            _certainty.Doubt();
        }
        catch (DiskException e)
        {
            LogDoubtNotNoted(e.Message);
        }
    }

    /// <summary>What was done here until now may turn out never to have been.</summary>
    public bool IsUncertain
    {
        get
        {
            lock (_lock)
                return _doubtEnds is not null || _log.WaitingChanges > 0;
        }
    }

    /// <summary>Does this when all that was done here until now is at the server, or is known not to be; or at the end of the mount. Bounded by what waits.</summary>
    public void WhenCertain(Action then)
    {
        Task mine = BackgroundWork.Watch("waiting until changes are there", WhenCertainAsync(then));
        lock (_lock)
            _afterwards = _afterwards.IsCompleted ? mine : Task.WhenAll(_afterwards, mine);
    }

    private async Task WhenCertainAsync(Action then)
    {
        await _shipper.WaitShippedAsync(_log.Last, CancellationToken.None);
        Task certain;
        lock (_lock)
            certain = _doubtEnds?.Task ?? Task.CompletedTask;
        await certain.ContinueHere();
        then();
    }

    /// <summary>If nothing is in doubt: what is cached is on the disk as it should be, and the next start may believe it.</summary>
    public void Assure()
    {
        lock (_lock)
        {
            if (_doubtEnds is not null)
                return;
        }
        try
        {
            _certainty.Assure();
        }
        catch (DiskException e)
        {
            LogNotAssured(e.Message);
        }
    }

    /// <summary>Rule 3. Returns at once; one runs at a time, and once more for what came meanwhile.</summary>
    private void ReturnAll()
    {
        lock (_lock)
        {
            _generation++;
            _isReturnWanted = true;
            if (_isReturning)
                return;
            _isReturning = true;
            _closed++;
            _returning = BackgroundWork.Watch("returning write tokens", ReturnAllAsync());
        }
    }

    private async Task ReturnAllAsync()
    {
        await Task.Yield(); // Who began it holds the lock.
        while (true)
        {
            Fid[] held;
            lock (_lock)
            {
                if (!_isReturnWanted)
                {
                    _isReturning = false;
                    _closed--;
                    return;
                }
                _isReturnWanted = false;
                held = [.. _local.Held];
            }
            if (!await ShipAsync(CancellationToken.None))
                break;
            Fid[] recalled, doubtful;
            Task reclaiming;
            lock (_lock)
                doubtful = [.. _doubtful];
            _caches.Disown(doubtful);
            lock (_lock)
            {
                _doubtful.ExceptWith(doubtful);
                _doubts += doubtful.Length > 0 ? 1u : 0;
                EndDoubt();
                recalled = [.. _recalled];
                _recalled.Clear();
                NoteRestless(recalled);
                _local.Clear();
                reclaiming = _reclaiming;
            }
            await reclaiming.ContinueHere(); // What comes to be held by it is returned, too.
            foreach (Fid[] some in held.Union(recalled).Chunk(Limits.FidsPerGiveUp))
                await ReturnAsync(some);
        }
        lock (_lock)
        {
            _isReturning = false; // The mount ends; nothing is decided here any more.
            _doubtful.Clear();
            EndDoubt();
        }
    }

    private void EndDoubt()
    {
        if (_doubtful.Count > 0 || _doubtEnds is null)
            return;
        _doubtEnds.SetResult();
        _doubtEnds = null;
    }

    /// <summary>Until the server says that it knows: else others wait for them as long as this client lives.</summary>
    private async Task ReturnAsync(Fid[] fids)
    {
        while (true)
        {
            Outcome<ReturnTokensReply> outcome = await _vice.ReturnTokensAsync(new ReturnTokensRequest { Fids = fids }, _calls.OfClient());
            if (outcome.Kind is OutcomeKind.Replied or OutcomeKind.Aborted || !await PauseAsync())
                return;
        }
    }

    /// <summary>
    /// Under the lock. The server was restarted, and lets others wait until it knows what was held. Beside the return of all: the batches for which that waits wait at the server for this.
    /// </summary>
    private void Reclaim()
    {
        _isReclaimWanted = true;
        if (_isReclaiming)
            return;
        _isReclaiming = true;
        _reclaiming = BackgroundWork.Watch("claiming write tokens", ReclaimAsync());
    }

    private async Task ReclaimAsync()
    {
        await Task.Yield(); // Who began it holds the lock.
        while (true)
        {
            Fid[] held;
            lock (_lock)
            {
                if (!_isReclaimWanted)
                {
                    _isReclaiming = false;
                    return;
                }
                _isReclaimWanted = false;
                held = [.. _local.Held];
            }
            if (await ReclaimAsync(held))
                continue;
            lock (_lock)
                _isReclaimWanted = true;
            if (!await PauseAsync())
                break;
        }
        lock (_lock)
            _isReclaiming = false;
    }

    /// <summary>False: the server didn't answer.</summary>
    private async Task<bool> ReclaimAsync(Fid[] held)
    {
        foreach (Fid[] some in held.Chunk(Limits.TokensPerCall))
        {
            if (!(await _vice.AcquireTokensAsync(new AcquireTokensRequest { Fids = some, IsReclaim = true, HasMore = true }, _calls.OfClient())).IsReply)
                return false;
        }
        return (await _vice.AcquireTokensAsync(new AcquireTokensRequest { Fids = [], IsReclaim = true }, _calls.OfClient())).IsReply;
    }

    /// <summary>False: the mount ends.</summary>
    private async ValueTask<bool> PauseAsync()
    {
        try
        {
            await Task.Delay(ReturnPause, _time, _calls.Stopping);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    [LoggerMessage(EventId = 285, Level = LogLevel.Warning, Message = "What the server may know otherwise can't be noted: after a crash the cache may be wrong: {Reason}")]
    private partial void LogDoubtNotNoted(string reason);

    [LoggerMessage(EventId = 286, Level = LogLevel.Warning, Message = "That the cache is as it should be can't be noted: it will be fetched again after the next start: {Reason}")]
    private partial void LogNotAssured(string reason);
}
