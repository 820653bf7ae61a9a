using Afs.Platform;
using Afs.Rpc;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Cache;

/// <summary>
/// Sends a volume's changes to the server: in their order, in batches, as many under way as its carrier takes. A batch goes through these steps; each waits for the batch before it where it says so:
///
/// <code>
/// formed     it is due: by its length, the age of its first change, somebody who waits, or a bound
/// contents   what its stores need is at the server
/// noted      its number, its changes and what is left out of them are in the log      after the one before
/// synced     the note is on stable storage: it may be sent, and sent again
/// sent       until the server answers; always the same                                 begun after the one before was
/// settled    refused changes are handed on, with all that need them; the rest is done  after the one before
/// </code>
///
/// When the server couldn't be reached with a batch, those behind it wait for it. What an earlier daemon had noted and not settled is sent first, as it was noted.
/// It owns the order; the log owns what waits. Safe for concurrent use. No lock is held across a wait or a write.
/// </summary>
internal sealed partial class ChangeShipper : IAsyncDisposable
{
    /// <summary>Changes of one batch.</summary>
    public const int MostChangesOfBatch = ChangeRecords.MostChangesOfBatch;

    /// <summary>Requests of one batch, which go in one message; a longer one goes alone.</summary>
    public const int MostRequestBytesOfBatch = 512 * 1024;

    /// <summary>Requests and contents: with so many it is sent at once.</summary>
    public const long MostBytesOfBatch = 32L * 1024 * 1024;

    /// <summary>Where its carrier takes so many.</summary>
    public const int MostBatchesUnderWay = 4;

    public const int MostContentsAtOnce = 4;

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100), LongestPause = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private readonly VolumeId _volume;
    private readonly ChangeLog _log;
    private readonly IChangeCarrier _carrier;
    private readonly int _mostUnderWay;
    private readonly IRefusedChanges _refusedChanges;
    private readonly WriteBehindOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ITimer _timer;
    private readonly CancellationTokenSource _ending = new();
    private readonly TaskCompletionSource<ShippingEnd> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SlotQueue _contents = new(MostContentsAtOnce);

    /// <summary>Held by who notes a batch, or hands refused changes on: so none is noted while it isn't known what depends on a refused one.</summary>
    private readonly SlotQueue _noting = new(1);

    // Under the lock.
    private readonly Queue<BatchNote> _notedBefore;
    private readonly List<Batch> _underWay = [];
    private readonly LinkedList<RoomWaiter> _roomWaiters = [];
    private readonly SortedDictionary<ChangeNumber, TaskCompletionSource<Failure>> _shippedWaiters = [];
    private readonly List<LoggedChange> _forming = [];
    private Batch? _last;
    private ChangeNumber _formed, _shipNow;
    private long _formedTotalBytes;
    private int _reservedChanges;
    private long _reservedBytes;
    private int _tasks;
    private bool _isTimerSet, _isUnreachable, _isEnded;
    private ShippingEnd _end;
    private long _refused;

    // Whose holds _noting.
    private ChangeNumber _noted;
    private int _withdrawals;

    /// <summary>It begins at once. Nobody else appends to the log from here on.</summary>
    public ChangeShipper(VolumeId volume, ChangeLog log, IChangeCarrier carrier, IRefusedChanges refusedChanges, WriteBehindOptions options, TimeProvider time, ILogger logger)
    {
        (_volume, _log, _carrier, _refusedChanges, _options, _time, _logger) = (volume, log, carrier, refusedChanges, options, time, logger);
        _mostUnderWay = Math.Min(carrier.MostBatchesUnderWay, MostBatchesUnderWay);
        _notedBefore = new(log.UnsettledBatches());
        _formed = log.Settled;
        _noted = _notedBefore.Count == 0 ? log.Settled : _notedBefore.Last().Last;
        _formedTotalBytes = log.TotalBytes - log.WaitingBytes;
        _timer = time.CreateTimer(_ => OnTimer(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        lock (_lock)
            Pump();
    }

    /// <summary>Ends with why nothing more is sent, and when nothing is under way any more: then another shipper may take the log.</summary>
    public Task<ShippingEnd> Ended => _ended.Task;

    public ShipperFigures Figures
    {
        get
        {
            lock (_lock)
            {
                TimeSpan age = _log.Find(_log.Settled.Next) is { } oldest ? _time.GetElapsedTime(oldest.LoggedTimestamp) : TimeSpan.Zero;
                return new ShipperFigures(_log.WaitingChanges, _log.WaitingBytes, age, _underWay.Count, _isUnreachable, _refused);
            }
        }
    }

    /// <summary>
    /// Waits until there is room for a change, and reserves it; those who wait get it in turn. After a success the caller does one of <see cref="Append"/> and <see cref="GiveBackRoom"/>. Of those
    /// who wait there are as many as the kernel has requests.
    /// </summary>
    /// <returns>None: there is room. Interrupted; Unreachable: the session is lost; ShuttingDown.</returns>
    public async ValueTask<Failure> WaitForRoomAsync(Change change, CancellationToken interrupted)
    {
        LinkedListNode<RoomWaiter> waiter;
        lock (_lock)
        {
            if (_isEnded)
                return EndFailure;
            if (_roomWaiters.Count == 0 && HasRoom(change.WaitingBytes))
            {
                Reserve(change.WaitingBytes);
                return Failure.None;
            }
            waiter = _roomWaiters.AddLast(new RoomWaiter(change.WaitingBytes));
            Pump();
        }
        try
        {
            return await waiter.Value.Done.Task.ContinueHere().WaitAsync(interrupted);
        }
        catch (OperationCanceledException) when (interrupted.IsCancellationRequested)
        {
            lock (_lock)
            {
                if (waiter.List is not null)
                    _roomWaiters.Remove(waiter);
                else if (waiter.Value.IsGranted)
                    Unreserve(change.WaitingBytes);
                GrantRoom();
            }
            return FailureKind.Interrupted;
        }
    }

    /// <summary>Room that was reserved is not needed.</summary>
    public void GiveBackRoom(Change change)
    {
        lock (_lock)
        {
            Unreserve(change.WaitingBytes);
            GrantRoom();
        }
    }

    /// <summary>Logs a change for which room was reserved; it is sent by and by. Waits for no disk.</summary>
    /// <exception cref="DiskException">As <see cref="ChangeLog.Append(Change)"/>; the room is given back.</exception>
    public ChangeNumber Append(Change change)
    {
        ChangeNumber number;
        try
        {
            number = _log.Append(change);
        }
        catch (DiskException)
        {
            GiveBackRoom(change);
            throw;
        }
        lock (_lock)
        {
            Unreserve(change.WaitingBytes);
            Pump();
        }
        return number;
    }

    /// <summary>All through this change is sent without waiting for more: an fsync or a recall waits for it.</summary>
    public void ShipNow(ChangeNumber through)
    {
        lock (_lock)
        {
            ChangeNumber last = _log.Last < through ? _log.Last : through;
            _shipNow = _shipNow < last ? last : _shipNow;
            Pump();
        }
    }

    /// <summary>
    /// Waits until all through this change is on stable storage at the server, or was refused and handed on. It doesn't hurry anything: see <see cref="ShipNow"/>.
    /// </summary>
    /// <returns>None; Interrupted; Unreachable: the session is lost; ShuttingDown.</returns>
    public async ValueTask<Failure> WaitShippedAsync(ChangeNumber through, CancellationToken interrupted)
    {
        Task<Failure> done;
        lock (_lock)
        {
            ChangeNumber last = _log.Last < through ? _log.Last : through;
            if (last <= _log.Settled)
                return Failure.None;
            if (_isEnded)
                return EndFailure;
            if (!_shippedWaiters.TryGetValue(last, out TaskCompletionSource<Failure>? waiter))
                _shippedWaiters.Add(last, waiter = new(TaskCreationOptions.RunContinuationsAsynchronously));
            done = waiter.Task;
        }
        try
        {
            return await done.ContinueHere().WaitAsync(interrupted);
        }
        catch (OperationCanceledException) when (interrupted.IsCancellationRequested)
        {
            return FailureKind.Interrupted;
        }
    }

    /// <summary>Sends nothing more, and waits until nothing is under way. What waits stays in the log.</summary>
    public async ValueTask DisposeAsync()
    {
        End(ShippingEnd.Stopped);
        await _ended.Task;
        await _timer.DisposeAsync();
    }

    private Failure EndFailure => _end == ShippingEnd.SessionLost ? FailureKind.Unreachable : FailureKind.ShuttingDown;

    private bool HasRoom(long bytes)
    {
        int changes = _log.WaitingChanges + _reservedChanges;
        return changes == 0 || changes < _options.MaxOperations && _log.WaitingBytes + _reservedBytes + bytes <= _options.MaxBytes;
    }

    private void Reserve(long bytes) => (_reservedChanges, _reservedBytes) = (_reservedChanges + 1, _reservedBytes + bytes);

    private void Unreserve(long bytes) => (_reservedChanges, _reservedBytes) = (_reservedChanges - 1, _reservedBytes - bytes);

    private void GrantRoom()
    {
        while (_roomWaiters.First is { } first && HasRoom(first.Value.Bytes))
        {
            Reserve(first.Value.Bytes);
            _roomWaiters.RemoveFirst();
            first.Value.IsGranted = true;
            first.Value.Done.SetResult(Failure.None);
        }
    }

    private void OnTimer()
    {
        lock (_lock)
        {
            _isTimerSet = false;
            Pump();
        }
    }

    /// <summary>Begins the batches that are due, as long as there may be more of them.</summary>
    private void Pump()
    {
        while (!_isEnded && _underWay.Count < _mostUnderWay && Form() is { } batch)
        {
            _formed = batch.Last;
            _formedTotalBytes = batch.Changes[^1].TotalBytes;
            _last = batch;
            _underWay.Add(batch);
            _tasks++;
            BackgroundWork.Start("shipping changes", () => RunAsync(batch));
        }
    }

    private Batch? Form()
    {
        if (_log.Find(_formed.Next) is not { } first)
            return null;
        _forming.Clear();
        if (_notedBefore.TryDequeue(out BatchNote? note))
        {
            _log.Read(note.First, note.Fates.Length, _forming);
            return new Batch([.. _forming], _last) { Note = note };
        }
        TimeSpan age = _time.GetElapsedTime(first.LoggedTimestamp);
        bool isDue = _log.Last.Value - _formed.Value >= MostChangesOfBatch || _log.TotalBytes - _formedTotalBytes >= MostBytesOfBatch
            || _shipNow >= first.Number || _roomWaiters.Count > 0 || age >= _options.MaxAge;
        if (!isDue)
        {
            if (!_isTimerSet)
                _isTimerSet = _timer.Change(_options.MaxAge - age, Timeout.InfiniteTimeSpan);
            return null;
        }
        _log.Read(first.Number, MostChangesOfBatch, _forming);
        int count = 0;
        for (long requests = 0, bytes = 0; count < _forming.Count; count++)
        {
            Change change = _forming[count].Change;
            (requests, bytes) = (requests + change.Request.Length, bytes + change.WaitingBytes);
            if (count > 0 && (requests > MostRequestBytesOfBatch || bytes > MostBytesOfBatch))
                break;
        }
        return new Batch([.. _forming.Take(count)], _last);
    }

    private async Task RunAsync(Batch batch)
    {
        await Task.Yield(); // Who began it holds the lock.
        try
        {
            await ShipAsync(batch, _ending.Token);
        }
        catch (OperationCanceledException)
        {
            End(ShippingEnd.Stopped); // By its end, or by who takes refused changes. What is under way stays in the log.
        }
        lock (_lock)
        {
            if (--_tasks == 0 && _isEnded)
                _ended.TrySetResult(_end);
        }
    }

    private async Task ShipAsync(Batch batch, CancellationToken ending)
    {
        if (batch.Note is null)
            await PrepareAsync(batch, ending);
        else
            await SendContentsAsync(batch, batch.Note.Fates, ending); // Refused or not: the batch is what it was.
        batch.Noted.TrySetResult();
        IReadOnlyList<Refusal> refused = [];
        if (batch.Note is { } note)
        {
            await OnDiskAsync(() => _log.SyncAsync(), ending);
            refused = await SendAsync(batch, note, ending);
        }
        else
        {
            await Before(batch, static before => before.Begun, ending);
            batch.Begun.TrySetResult();
        }
        await Before(batch, static before => before.Settled, ending);
        batch.Before = null;
        if (refused.Count > 0)
            await RefuseAsync(batch, refused, areSent: true, ending);
        await OnDiskAsync(
            () =>
            {
                _log.Settle(batch.Last);
                return Task.CompletedTask;
            },
            ending);
        Settled(batch);
    }

    /// <summary>Until the batch is noted, or nothing is left of it. Whatever of it is withdrawn before then isn't sent.</summary>
    private async Task PrepareAsync(Batch batch, CancellationToken ending)
    {
        while (true)
        {
            int withdrawals = Volatile.Read(ref _withdrawals);
            ushort[] fates = ChangeCoalescing.Decide(Array.ConvertAll(batch.Changes, logged => _log.IsWithdrawn(logged.Number) ? null : logged.Change));
            List<Refusal> refused = await SendContentsAsync(batch, fates, ending);
            if (refused.Count > 0)
            {
                await RefuseAsync(batch, refused, areSent: false, ending);
                continue;
            }
            await Before(batch, static before => before.Noted, ending);
            await _noting.TakeAsync(ending);
            try
            {
                if (withdrawals != _withdrawals)
                    continue;
                bool isEmpty = !SentPlaces(fates).Any();
                if (!isEmpty)
                    await OnDiskAsync(
                        () =>
                        {
                            batch.Note = _log.NoteBatch(batch.First, fates, NeedsOf(batch, fates));
                            return Task.CompletedTask;
                        },
                        ending);
                _noted = batch.Last;
                return;
            }
            finally
            {
                _noting.Release();
            }
        }
    }

    /// <summary>Sends the contents that the server doesn't have yet. Those that it doesn't take, in order.</summary>
    private async Task<List<Refusal>> SendContentsAsync(Batch batch, ushort[] fates, CancellationToken ending)
    {
        var sending = new List<Task<IReadOnlyList<Refusal>>>();
        for (int place = 0; place < fates.Length; place++)
        {
            if (batch.Changes[place].Change.Kind == ChangeKind.StoreContent && ChangeFate.IsSent(fates, place) && !batch.HasContent[place])
                sending.Add(SendContentAsync(batch, place, ending));
        }
        return [.. (await Task.WhenAll(sending)).SelectMany(static refused => refused)];
    }

    private async Task<IReadOnlyList<Refusal>> SendContentAsync(Batch batch, int place, CancellationToken ending)
    {
        for (TimeSpan pause = FirstPause; ; pause = Longer(pause))
        {
            CarrierOutcome outcome;
            await _contents.TakeAsync(ending);
            try
            {
                outcome = await _carrier.SendContentAsync(batch.Changes[place], ending);
            }
            finally
            {
                _contents.Release();
            }
            if (await IsDoneAsync(outcome.Verdict, pause, ending))
            {
                batch.HasContent[place] = outcome.Refused.Count == 0;
                return outcome.Refused;
            }
        }
    }

    private async Task<IReadOnlyList<Refusal>> SendAsync(Batch batch, BatchNote note, CancellationToken ending)
    {
        await Before(batch, static before => before.Begun, ending);
        BatchedChange[] changes = Describe(batch, note);
        for (TimeSpan pause = FirstPause; ; pause = Longer(pause))
        {
            // After trouble nobody knows what arrived: one by one, the first one first.
            if (batch.IsSentAgain || batch.Before is { IsSentAgain: true })
                await Before(batch, static before => before.Settled, ending);
            ValueTask<CarrierOutcome> sending = _carrier.SendBatchAsync(note.Number, changes, ending);
            batch.Begun.TrySetResult();
            CarrierOutcome outcome = await sending;
            batch.IsSentAgain = outcome.Verdict != CarrierVerdict.Done;
            if (await IsDoneAsync(outcome.Verdict, pause, ending))
                return outcome.Refused;
        }
    }

    /// <summary>
    /// What it needs of the batches before that aren't settled. Only as long as none of them can be: what is refused of them while this one is prepared is withdrawn from it; later the server
    /// has to know.
    /// </summary>
    private EarlierNeed[] NeedsOf(Batch batch, ushort[] fates)
    {
        Batch[] before;
        lock (_lock)
            before = [.. _underWay.TakeWhile(other => other != batch).Where(static other => other.Note is not null)];
        var dependencies = new ChangeDependencies();
        foreach (Batch earlier in before)
        {
            foreach (int place in SentPlaces(earlier.Note!.Fates))
                dependencies.Add(earlier.Changes[place].Number, earlier.Changes[place].Change);
        }
        return [.. SentPlaces(fates).SelectMany(place => dependencies.Add(batch.Changes[place].Number, batch.Changes[place].Change)
            .Where(needed => needed < batch.First).Select(needed => new EarlierNeed((ushort)place, needed)))];
    }

    /// <summary>What of it is sent.</summary>
    private static BatchedChange[] Describe(Batch batch, BatchNote note)
    {
        var own = new ChangeDependencies();
        ILookup<ushort, ChangeNumber> earlier = note.Needs.ToLookup(static need => need.Place, static need => need.Needed);
        ILookup<ushort, ChangeNumber> replaced = batch.Changes.Select((logged, place) => (logged.Number, Fate: note.Fates[place], place))
            .Where(static change => change.Fate != change.place).ToLookup(static change => change.Fate, static change => change.Number);
        return [.. SentPlaces(note.Fates).Select(place => new BatchedChange(
            batch.Changes[place], [.. earlier[(ushort)place], .. own.Add(batch.Changes[place].Number, batch.Changes[place].Change)], [.. replaced[(ushort)place]]))];
    }

    private static IEnumerable<int> SentPlaces(ushort[] fates) => Enumerable.Range(0, fates.Length).Where(place => ChangeFate.IsSent(fates, place));

    /// <summary>False: once more. Where nothing may be sent any more it doesn't return.</summary>
    private async ValueTask<bool> IsDoneAsync(CarrierVerdict verdict, TimeSpan pause, CancellationToken ending)
    {
        Volatile.Write(ref _isUnreachable, verdict != CarrierVerdict.Done);
        if (verdict == CarrierVerdict.Done)
            return true;
        if (verdict != CarrierVerdict.Unreachable)
            End(verdict == CarrierVerdict.SessionLost ? ShippingEnd.SessionLost : ShippingEnd.Stopped);
        await Task.Delay(pause, _time, ending);
        return false;
    }

    /// <summary>
    /// Hands on what is refused, with all that needs it and isn't sent yet, as often as more of that came up meanwhile; then it is in the log that these are never sent.
    /// </summary>
    /// <param name="areSent">They were in a batch. Else they are withdrawn, too.</param>
    private async Task RefuseAsync(Batch batch, IReadOnlyList<Refusal> refusals, bool areSent, CancellationToken ending)
    {
        Dictionary<ChangeNumber, LoggedChange> own = batch.Changes.ToDictionary(static logged => logged.Number);
        await _noting.TakeAsync(ending);
        try
        {
            // Not of what isn't in it; and a content may be refused when its store was withdrawn already.
            RefusedChange[] refused = [.. refusals.Where(refusal => own.ContainsKey(refusal.Number) && !_log.IsWithdrawn(refusal.Number))
                .Select(refusal => new RefusedChange(own[refusal.Number], refusal.Reason))];
            if (refused.Length == 0)
                return;
            HashSet<ChangeNumber> numbers = [.. refused.Select(static change => change.Logged.Number)], handedOn = [];
            List<ChangeNumber> withdrawn = areSent ? [] : [.. numbers];
            for (bool isFirst = true; ; isFirst = false)
            {
                List<LoggedChange> waiting = [];
                _log.Read(_log.Settled.Next, ChangeLog.MostChanges, waiting);
                LoggedChange[] dependants = [.. ChangeDependencies.OfRefused(waiting, numbers)
                    .Where(logged => logged.Number > _noted && !_log.IsWithdrawn(logged.Number) && handedOn.Add(logged.Number))];
                if (dependants.Length == 0 && !isFirst)
                    break;
                await _refusedChanges.RefusedAsync(isFirst ? refused : [], dependants);
                LogRefused(_volume, isFirst ? refused.Length : 0, dependants.Length);
                withdrawn.AddRange(dependants.Select(static logged => logged.Number));
                lock (_lock)
                    _refused += dependants.Length + (isFirst ? refused.Length : 0);
            }
            if (withdrawn.Count > 0)
                await OnDiskAsync(() => WithdrawAsync(withdrawn), ending);
            _withdrawals++;
        }
        finally
        {
            _noting.Release();
        }
    }

    /// <summary>On stable storage, before what made them so is settled: else a crash would have them sent.</summary>
    private Task WithdrawAsync(List<ChangeNumber> withdrawn)
    {
        if (!withdrawn.TrueForAll(_log.IsWithdrawn))
            _log.Withdraw(withdrawn);
        return _log.SyncAsync();
    }

    private void Settled(Batch batch)
    {
        lock (_lock)
        {
            _underWay.Remove(batch);
            while (_shippedWaiters.Count > 0 && _shippedWaiters.First() is var first && first.Key <= batch.Last)
            {
                _shippedWaiters.Remove(first.Key);
                first.Value.SetResult(Failure.None);
            }
            GrantRoom();
            batch.Settled.TrySetResult();
            Pump();
        }
    }

    /// <summary>The log's disk may be full, or broken: as long as it is, nothing is sent, and what waits is in memory and in the log as far as that goes.</summary>
    private async Task OnDiskAsync(Func<Task> work, CancellationToken ending)
    {
        for (TimeSpan pause = FirstPause; ; pause = Longer(pause))
        {
            try
            {
                await work();
                return;
            }
            catch (DiskException e)
            {
                LogDiskFailed(_volume, e.Message);
            }
            await Task.Delay(pause, _time, ending);
        }
    }

    private void End(ShippingEnd end)
    {
        lock (_lock)
        {
            if (_isEnded)
                return;
            (_isEnded, _end) = (true, end);
            foreach (RoomWaiter waiter in _roomWaiters)
                waiter.Done.SetResult(EndFailure);
            _roomWaiters.Clear();
            foreach (TaskCompletionSource<Failure> waiter in _shippedWaiters.Values)
                waiter.SetResult(EndFailure);
            _shippedWaiters.Clear();
            if (_tasks == 0)
                _ended.TrySetResult(end);
        }
        _ending.Cancel();
    }

    private static Task Before(Batch batch, Func<Batch, TaskCompletionSource> step, CancellationToken ending) =>
        batch.Before is { } before ? step(before).Task.ContinueHere().WaitAsync(ending) : Task.CompletedTask;

    private static TimeSpan Longer(TimeSpan pause) => 2 * pause < LongestPause ? 2 * pause : LongestPause;

    private sealed class Batch(LoggedChange[] changes, Batch? before)
    {
        public LoggedChange[] Changes => changes;

        public ChangeNumber First => changes[0].Number;

        public ChangeNumber Last => changes[^1].Number;

        /// <summary>The one before it; null when that is settled, so that there is no chain of all that ever were.</summary>
        public Batch? Before { get; set; } = before;

        /// <summary>Null: not noted yet, or nothing of it is sent.</summary>
        public BatchNote? Note { get; set; }

        /// <summary>The server wasn't reached with it.</summary>
        public bool IsSentAgain { get; set; }

        /// <summary>Of those at the server.</summary>
        public bool[] HasContent { get; } = new bool[changes.Length];

        public TaskCompletionSource Noted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Begun { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Settled { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private sealed class RoomWaiter(long bytes)
    {
        public long Bytes => bytes;

        public bool IsGranted { get; set; }

        public TaskCompletionSource<Failure> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    [LoggerMessage(EventId = 410, Level = LogLevel.Error, Message = "The server refused {Refused} changes of volume {Volume}; {Dependants} more need them and are not sent")]
    private partial void LogRefused(VolumeId volume, int refused, int dependants);

    [LoggerMessage(EventId = 411, Level = LogLevel.Error, Message = "Changes of volume {Volume} can't be sent, because the log's disk fails: {Reason}")]
    private partial void LogDiskFailed(VolumeId volume, string reason);
}
