using Afs.Platform;
using Afs.Rpc;
using Afs.Rules;
using Afs.Venus.Callbacks;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Cache;

/// <summary>What write-behind needs of a volume's caches, and does to them.</summary>
internal interface ICachesBehind : ILocalNames
{
    /// <summary>To be noted before a call whose reply brings promises.</summary>
    CallMark Mark();

    /// <summary>What was promised holds, and with it the tokens.</summary>
    bool HasLease { get; }

    /// <summary>The server promises this.</summary>
    void Grant(FetchStatus status, CallMark mark);

    /// <summary>What is cached of these came from a change that never was: it goes, here and in the kernel.</summary>
    void Disown(IReadOnlyCollection<Fid> fids);

    /// <summary>Keeps what was refused where a person finds it. The name of the folder that it got.</summary>
    /// <exception cref="DiskException">It isn't kept.</exception>
    string Park(IReadOnlyList<ParkedChange> changes);
}

/// <summary>
/// Ordered write-behind of one volume (Echo; design in docs/decisions/0109). A change is decided here, by the rules of the volume, where this client holds the write tokens of all that it touches; it
/// is in the log when it is answered, and goes to the server with others, in their order. What can't be decided here is called at the server, when all that was logged before is there. The rules:
/// <list type="number">
/// <item>Nothing is decided here while something is under way at the server that is not in the log (<see cref="Close"/>): so whatever is logged follows whatever was answered.</item>
/// <item>Who reads from the server what was changed here waits until the change is there.</item>
/// <item>A recall, the loss of trust, and a bound end the same way: the log is sent, then nothing is held any more, then the tokens are returned, then changes may be decided here again.</item>
/// <item>A vnode that others want is changed at the server for a while, as without write-behind.</item>
/// </list>
/// It owns the tokens and their vnodes. Its lock is held while the rules run and the log is appended to, never across a wait.
/// </summary>
internal sealed partial class WriteBehind : IRefusedChanges
{
    /// <summary>Vnodes held at a time; at the bound all are returned.</summary>
    public const int MostHeld = 1 << 16;

    private const int NumbersPerLease = 2048, FewNumbers = 512;

    /// <summary>What a change may find missing before the server decides it: the tokens of four vnodes, and a number.</summary>
    private const int MostRounds = 8;

    /// <summary>How long a vnode that was contended is changed at the server; as long as the server would refuse its token.</summary>
    private static readonly TimeSpan QuietTime = TimeSpan.FromSeconds(2);

    private const int MostRestless = 4096;

    /// <summary>Vnodes that are remembered as touched by what was refused.</summary>
    private const int MostRefusedOf = 4096;

    /// <summary>
    /// A block is leased when the one before is nearly used up. So when the last but one was, its predecessor was in use, and nothing was given a number of the block before that any more: the one that the
    /// server forgets for the next.
    /// </summary>
    private const int MostLeasedAt = Limits.LeasesPerClient - 2;

    private static readonly TimeSpan ReturnPause = TimeSpan.FromMilliseconds(500);

    private readonly Lock _lock = new();
    private readonly SlotQueue _leasing = new(1);
    private readonly VolumeId _volume;
    private readonly IViceService _vice;
    private readonly ICachesBehind _caches;
    private readonly ChangeLog _log;
    private readonly CacheCertainty _certainty;
    private readonly ChangeShipper _shipper;
    private readonly TimeProvider _time;
    private readonly CallTimesOf _calls;
    private readonly ILogger _logger;
    private readonly bool _isOn;
    private readonly LocalVolume _local;

    // Under the lock.
    private readonly Dictionary<Fid, long> _restless = [];
    private readonly HashSet<Fid> _recalled = [];
    private int _closed;
    private uint _generation, _answered;
    private bool _isBegun, _isLeasing, _isReturning, _isReturnWanted, _isReclaiming, _isReclaimWanted;

    /// <summary>The last change by then, of each of the last times that numbers were leased.</summary>
    private readonly Queue<ChangeNumber> _leasedAt = [];

    /// <summary>
    /// The versions that these were given here may be others': something was refused, or others may have come in between what was decided here and its arrival. What is cached of them goes when all that is
    /// logged is there; until then nothing is read.
    /// </summary>
    private readonly HashSet<Fid> _doubtful = [];
    private TaskCompletionSource? _doubtEnds;
    private uint _doubts;
    private RefusedBehind _refusals;
    private readonly Dictionary<Fid, RefusedBehind> _refusedOf = [];
    private Task _returning = Task.CompletedTask, _reclaiming = Task.CompletedTask, _afterwards = Task.CompletedTask;

    /// <param name="isOn">False: only what an earlier daemon left is sent.</param>
    /// <param name="calls">The context of a call of the client's own.</param>
    public WriteBehind(
        VolumeId volume, IViceService vice, ICachesBehind caches, ChangeLog log, CacheCertainty certainty, bool isOn, WriteBehindOptions options, CallTimesOf calls, TimeProvider time, ILogger logger)
    {
        (_volume, _vice, _caches, _log, _certainty, _isOn, _calls, _time, _logger) = (volume, vice, caches, log, certainty, isOn, calls, time, logger);
        _local = new LocalVolume(volume, caches);
        List<LoggedChange> left = [];
        log.Read(log.Settled.Next, ChangeLog.MostChanges, left);
        Doubt(left.SelectMany(static change => change.Change.Fids));
        _shipper = new ChangeShipper(volume, log, new ChangeCarrier(volume, vice, isOn, calls, TokensMissed, logger), this, options, time, logger);
        if (left.Count > 0)
            ReturnAll();
    }

    /// <summary>What waits for the server, for those who ask.</summary>
    public ShipperFigures Figures => _shipper.Figures;

    public int TokensHeld
    {
        get
        {
            lock (_lock)
                return _local.Count;
        }
    }

    public IReadOnlyList<Figure> ReadFigures()
    {
        ShipperFigures figures = Figures;
        return
        [
            new Figure { Name = "behind.changes", Value = figures.WaitingChanges },
            new Figure { Name = "behind.bytes", Value = figures.WaitingBytes },
            new Figure { Name = "behind.oldest.ms", Value = (long)figures.OldestAge.TotalMilliseconds },
            new Figure { Name = "behind.refused", Value = figures.Refused },
            new Figure { Name = "behind.tokens", Value = TokensHeld },
        ];
    }

    /// <summary>A change, by whichever way it goes.</summary>
    public ValueTask<Outcome<TReply>> ChangeAsync<TRequest, TReply>(LocalChange<TRequest, TReply> kind, TRequest request, CallContext context)
        where TRequest : class
    {
        BatchOperation? operation = _isOn ? kind.InBatch(request, context.Caller) : null;
        return operation is null ? AtServerAsync(kind, request, Volatile.Read(ref _doubts), context) : HereAsync(kind, request, operation, context);
    }

    /// <summary>What is asked of the server about a vnode sees what was changed here before.</summary>
    public ValueTask<bool> BeforeReadAsync(Fid fid, CallContext context)
    {
        lock (_lock)
        {
            if (_doubtful.Count == 0 && (_log.WaitingChanges == 0 || _isOn && _isBegun && _local.LastChangeOf(fid) <= _log.Settled))
                return new(true);
        }
        return ShipForReadAsync(context.Cancellation);
    }

    /// <summary>Something that was changed here isn't at the server.</summary>
    public bool HasWaiting => _log.WaitingChanges > 0;

    /// <summary>As <see cref="ShipPatientlyAsync"/>, and nothing is cached any more of what others may have come between.</summary>
    public async ValueTask<bool> ShipForReadAsync(CancellationToken interrupted)
    {
        if (!await ShipPatientlyAsync(_log.Last, interrupted))
            return false;
        Task certain;
        lock (_lock)
            certain = _doubtEnds?.Task.ContinueHere() ?? Task.CompletedTask;
        try
        {
            await certain.WaitAsync(interrupted);
            return true;
        }
        catch (OperationCanceledException) when (interrupted.IsCancellationRequested)
        {
            return false;
        }
    }

    /// <summary>All that was changed here until now is at the server. False: it isn't, and nobody waits any more, or the mount ends.</summary>
    public async ValueTask<bool> ShipAsync(CancellationToken interrupted)
    {
        ChangeNumber through = _log.Last;
        _shipper.ShipNow(through);
        return (await _shipper.WaitShippedAsync(through, interrupted)).IsNone;
    }

    /// <summary>The same, through this change, for as long as something goes on: a server that can't be reached is waited for as long as a call would be.</summary>
    private async ValueTask<bool> ShipPatientlyAsync(ChangeNumber through, CancellationToken interrupted)
    {
        if (through <= _log.Settled)
            return true;
        while (true)
        {
            ChangeNumber settled = _log.Settled;
            using var patience = new CancellationTokenSource(_calls.Patience, _time);
            using var both = CancellationTokenSource.CreateLinkedTokenSource(interrupted, patience.Token);
            _shipper.ShipNow(through);
            Failure failure = await _shipper.WaitShippedAsync(through, both.Token);
            if (failure.IsNone || interrupted.IsCancellationRequested || failure.Kind != FailureKind.Interrupted || settled == _log.Settled)
                return failure.IsNone;
        }
    }

    /// <summary>As <see cref="ShipForReadAsync"/> ships, for fsync.</summary>
    public async ValueTask<Failure> SyncAsync(CancellationToken interrupted)
    {
        if (await ShipPatientlyAsync(_log.Last, interrupted))
            return Failure.None;
        return interrupted.IsCancellationRequested ? FailureKind.Interrupted : FailureKind.Unreachable;
    }

    public RefusedBehind Refusals
    {
        get
        {
            lock (_lock)
                return _refusals;
        }
    }

    public RefusedBehind RefusalsOf(Fid fid)
    {
        lock (_lock)
            return _refusedOf.TryGetValue(fid, out RefusedBehind refused) ? refused : default;
    }

    /// <summary>Sends what waits, for as long as may be, and ends. What is left stays in the log, for the next start.</summary>
    public async Task EndAsync(CancellationToken limit)
    {
        Close();
        await ShipAsync(limit);
        await _shipper.DisposeAsync();
        Task returning;
        lock (_lock)
            returning = Task.WhenAll(_returning, _reclaiming, _afterwards);
        await returning;
        await _log.DisposeAsync();
    }

    async ValueTask IRefusedChanges.RefusedAsync(IReadOnlyList<RefusedChange> refused, IReadOnlyList<LoggedChange> dependants)
    {
        Close();
        try
        {
            Failure reason = refused.Count > 0 ? refused[0].Reason : AbortCodes.NoVnode;
            IEnumerable<RefusedChange> all = refused.Concat(dependants.Select(change => new RefusedChange(change, reason))).OrderBy(static change => change.Logged.Number);
            ParkedChange[] parked = [.. all.Select(change => Told(change.Logged, change.Reason))];
            if (parked.Length > 0)
                await ParkAsync(parked);
            HashSet<Fid> touched = [.. parked.SelectMany(static one => one.Change.Fids)];
            lock (_lock)
            {
                // Other changes of these may wait, and were given versions here that count the refused ones.
                Doubt(touched);
                _doubts++;
                if (refused.Count > 0)
                    _refusals = new RefusedBehind(_refusals.Count + 1, TellsItself(refused[0].Reason) ? refused[0].Reason : FailureKind.RefusedBehind);
                if (_refusedOf.Count + touched.Count > MostRefusedOf)
                    _refusedOf.Clear(); // Then only an fsync tells of them.
                foreach (Fid fid in touched)
                    _refusedOf[fid] = _refusals;
            }
            _caches.Disown(touched);
            ReturnAll();
        }
        finally
        {
            Open();
        }
    }

    /// <summary>An errno that says as much at an fsync as it would have said at the change.</summary>
    private static bool TellsItself(Failure reason) => reason == AbortCodes.NoSpace || reason == AbortCodes.OverQuota;

    private ParkedChange Told(LoggedChange logged, Failure reason)
    {
        Change change = logged.Change;
        LogRefused(change.Kind, change.Object, change.Name.IsEmpty ? "" : OneLineName(change.Name.Span), reason);
        var operation = WireCodec.FromBytes<BatchOperation>(change.Request);
        byte[]? content = operation.StoreData is { } store ? store.Content ?? [] : null;
        return new ParkedChange(change, logged.LoggedAt, reason, content, operation.Create?.Type ?? FileType.None);
    }

    private async ValueTask ParkAsync(IReadOnlyList<ParkedChange> changes)
    {
        while (true)
        {
            try
            {
                LogParked(changes.Count, _caches.Park(changes));
                return;
            }
            catch (DiskException e)
            {
                // They are in the log for as long as they aren't here.
                LogNotParked(changes.Count, e.Message);
                await Task.Delay(QuietTime, _time, _calls.Stopping);
            }
        }
    }

    private async ValueTask<Outcome<TReply>> HereAsync<TRequest, TReply>(LocalChange<TRequest, TReply> kind, TRequest request, BatchOperation operation, CallContext context)
        where TRequest : class
    {
        (Fid first, Fid second) = kind.Names(request);
        uint doubts = Volatile.Read(ref _doubts);
        if (!_isBegun && !await LeaseAsync(context) || IsRestless(first) || second != default && IsRestless(second))
            return await AtServerAsync(kind, request, doubts, context);
        var change = new Change { Kind = ChangeKind.StoreStatus, Operation = 0, Caller = Caller.Client, Request = WireCodec.ToBytes(operation), Object = first, IsFence = true };
        if (!ChangeRecords.Fits(change))
            return await AtServerAsync(kind, request, doubts, context);
        for (int round = 0; round < MostRounds; round++)
        {
            if (await _shipper.WaitForRoomAsync(change, context.Cancellation) is { IsNone: false })
                return Outcome<TReply>.NotExecuted;
            MissingHereException? missing;
            if (TryHere(kind, request, change, doubts, out Outcome<TReply> outcome, out missing))
                return outcome;
            bool isThereNow = missing?.Missing switch
            {
                MissingHere.Token => await AcquireAsync(missing.Fid, context),
                MissingHere.Number => await LeaseAsync(context),
                _ => false,
            };
            if (!isThereNow)
                break;
        }
        return await AtServerAsync(kind, request, doubts, context);
    }

    /// <summary>False: it isn't decided here; what is missing, if anything is.</summary>
    /// <param name="doubts">When it was asked for.</param>
    private bool TryHere<TRequest, TReply>(LocalChange<TRequest, TReply> kind, TRequest request, Change change, uint doubts, out Outcome<TReply> outcome, out MissingHereException? missing)
        where TRequest : class
    {
        (outcome, missing) = (default, null);
        lock (_lock)
        {
            bool isLogged = false;
            try
            {
                if (_closed > 0 || _local.Count >= MostHeld)
                {
                    if (_closed == 0)
                        ReturnAll();
                    return false;
                }
                if (!_caches.HasLease || kind.GoesByVersion && doubts != _doubts)
                    return false; // Others may have the tokens by now; or the version was refused that it was made from.
                outcome = kind.Run(new MutationScope(_local, new ChangeSet()), request);
                if (!outcome.IsReply)
                    return true;
                isLogged = true; // From here on the room is the log's.
                _local.Publish(_shipper.Append(kind.Describe(change, request, outcome.Value)));
            }
            catch (MissingHereException e)
            {
                missing = e;
                return false;
            }
            catch (DiskException e)
            {
                LogLogFailed(e.Message); // The server takes it, as without write-behind.
                return false;
            }
            finally
            {
                _local.Drop();
                if (!isLogged)
                    _shipper.GiveBackRoom(change);
            }
            if (_local.NumbersLeft < FewNumbers && !_isLeasing)
            {
                _isLeasing = true;
                BackgroundWork.Start("leasing vnode numbers", LeaseMoreAsync);
            }
            return true;
        }
    }

    /// <summary>Called at the server, after all that is logged.</summary>
    /// <param name="doubts">When it was asked for.</param>
    private async ValueTask<Outcome<TReply>> AtServerAsync<TRequest, TReply>(LocalChange<TRequest, TReply> kind, TRequest request, uint doubts, CallContext context)
        where TRequest : class
    {
        Close();
        try
        {
            if (!await ShipPatientlyAsync(_log.Last, context.Cancellation))
                return Outcome<TReply>.NotExecuted;
            if (kind.GoesByVersion && doubts != Volatile.Read(ref _doubts))
                return AbortCodes.VersionGone; // It may be made from one that was refused just now; whose number may be another's.
            Outcome<TReply> outcome = await kind.Call(_vice, request, context);
            if (outcome.Kind == OutcomeKind.Unknown)
                ReturnAll();
            else if (outcome.IsReply)
                Absorb(kind, outcome.Value);
            return outcome;
        }
        finally
        {
            lock (_lock)
                _answered++;
            Open();
        }
    }

    private void Absorb<TRequest, TReply>(LocalChange<TRequest, TReply> kind, TReply reply)
        where TRequest : class
    {
        lock (_lock)
        {
            if (_local.Count == 0)
                return;
            foreach (FetchStatus? status in kind.StatusesIn(reply))
            {
                if (status is not null)
                    _local.ChangedAtServer(status);
            }
            if (kind.RemovedBy(reply) is var removed && removed != default)
                _local.RemovedAtServer(removed);
        }
    }

    /// <summary>Nothing is decided here until as many <see cref="Open"/> as these.</summary>
    private void Close()
    {
        lock (_lock)
            _closed++;
    }

    private void Open()
    {
        lock (_lock)
            _closed--;
    }

    private bool IsRestless(Fid fid)
    {
        lock (_lock)
            return _restless.Count > 0 && _restless.TryGetValue(fid, out long until) && (_time.GetTimestamp() < until || !_restless.Remove(fid));
    }

    private void NoteRestless(IEnumerable<Fid> fids)
    {
        if (_restless.Count >= MostRestless)
            _restless.Clear();
        long until = _time.GetTimestamp() + (long)(QuietTime.TotalSeconds * _time.TimestampFrequency);
        foreach (Fid fid in fids)
            _restless[fid] = until;
    }

    /// <summary>True: the token may be there now. False: the server decides about this vnode.</summary>
    private async ValueTask<bool> AcquireAsync(Fid fid, CallContext context)
    {
        uint generation, answered;
        lock (_lock)
            (generation, answered) = (_generation, _answered);
        CallMark mark = _caches.Mark();
        Outcome<AcquireTokensReply> outcome = await _vice.AcquireTokensAsync(new AcquireTokensRequest { Fids = [fid] }, context);
        if (!outcome.IsReply || outcome.Value.Grants is not [{ } grant])
            return false;
        if (grant is { Outcome: TokenOutcome.Granted, Status: { } status } && status.Fid == fid)
        {
            _caches.Grant(status, mark);
            lock (_lock)
            {
                if (generation != _generation)
                    return false;
                // What came with it may be from before a call that was answered meanwhile: then it is asked for once more.
                if (answered == _answered)
                    _local.Acquired(status);
                return true;
            }
        }
        lock (_lock)
        {
            if (grant.Outcome == TokenOutcome.Contended)
                NoteRestless([fid]);
        }
        return false;
    }

    /// <summary>Numbers for new vnodes; the first time also after which batch this client's go on. False: the server didn't answer.</summary>
    private async ValueTask<bool> LeaseAsync(CallContext context)
    {
        await _leasing.TakeAsync(context.Cancellation);
        try
        {
            ChangeNumber earlier;
            lock (_lock)
            {
                if (_isBegun && _local.NumbersLeft >= FewNumbers)
                    return true;
                if (!_isBegun && _log.WaitingChanges > 0)
                    return false; // What an earlier daemon left goes first, under its own numbers.
                earlier = _leasedAt.Count < MostLeasedAt ? ChangeNumber.None : _leasedAt.Peek();
            }
            // The server forgets the oldest block for a new one: nothing that waits may have a number of it.
            if (!await ShipPatientlyAsync(earlier, context.Cancellation))
                return false;
            Outcome<LeaseVnodesReply> outcome = await _vice.LeaseVnodesAsync(new LeaseVnodesRequest { Volume = _volume, Count = NumbersPerLease }, context);
            if (!outcome.IsReply || outcome.Value.First == default)
                return false;
            lock (_lock)
            {
                if (!_isBegun)
                    _log.StartBatchesAfter(outcome.Value.LastBatch);
                _isBegun = true;
                _local.AddBlock(outcome.Value.First, NumbersPerLease, outcome.Value.Uniquifier);
                _leasedAt.Enqueue(_log.Last);
                if (_leasedAt.Count > MostLeasedAt)
                    _leasedAt.Dequeue();
            }
            return true;
        }
        finally
        {
            _leasing.Release();
        }
    }

    private async Task LeaseMoreAsync()
    {
        await Task.Yield(); // Who began it holds the lock.
        await LeaseAsync(_calls.OfClient());
        lock (_lock)
            _isLeasing = false;
    }

    private static string OneLineName(ReadOnlySpan<byte> name) => System.Text.Json.JsonEncodedText.Encode(System.Text.Encoding.UTF8.GetString(name)).ToString();

    [LoggerMessage(EventId = 280, Level = LogLevel.Error, Message = "The server refuses what was done here: {Kind} of {Fid} {Name}: {Reason}")]
    private partial void LogRefused(ChangeKind kind, Fid fid, string name, Failure reason);

    [LoggerMessage(EventId = 281, Level = LogLevel.Error, Message = "{Count} changes that the server refuses, or that needed such, are kept in recovered/{Name}")]
    private partial void LogParked(int count, string name);

    [LoggerMessage(EventId = 282, Level = LogLevel.Error, Message = "{Count} changes that the server refuses can't be kept in recovered/ yet: {Reason}")]
    private partial void LogNotParked(int count, string reason);

    [LoggerMessage(EventId = 283, Level = LogLevel.Warning, Message = "The change log can't be written, so changes go to the server one by one: {Reason}")]
    private partial void LogLogFailed(string reason);
}
