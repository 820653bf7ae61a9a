namespace Afs.Rpc;

/// <summary>
/// A bounded amount that many share: slots, bytes, promises. Who asks gets more as long as he then holds no more than is left for everybody else. So one alone
/// gets half of all, the next half of what is left, and there is always something left for who comes new; nobody is counted in advance.
/// (Dynamic thresholds; Choudhury and Hahne, IEEE/ACM Transactions on Networking 6(2), 1998.) Safe for concurrent use.
/// </summary>
/// <param name="total">All there is.</param>
/// <param name="least">What one may hold in any case, as long as there is any.</param>
public sealed class FairShares<THolder>(long total, long least = 0)
    where THolder : notnull
{
    private readonly Lock _lock = new();
    private readonly Dictionary<THolder, long> _held = [];
    private long _used;

    public long Used => Volatile.Read(ref _used);

    /// <summary>What the holder has.</summary>
    public long HeldBy(THolder holder)
    {
        lock (_lock)
            return _held.GetValueOrDefault(holder);
    }

    /// <summary>True: the holder has so much more, until <see cref="GiveBack"/>.</summary>
    public bool TryTake(THolder holder, long amount)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(amount);
        lock (_lock)
        {
            if (amount > total - _used)
                return false;
            long held = _held.GetValueOrDefault(holder) + amount;
            if (held > least && held > total - _used - amount)
                return false;
            Set(holder, held, amount);
            return true;
        }
    }

    /// <summary>The holder has not yet more than its share.</summary>
    public bool MayTake(THolder holder)
    {
        if (2 * Used <= total)
            return true; // Whoever holds the most holds no more than is left.
        lock (_lock)
            return _used < total && (_held.GetValueOrDefault(holder) is var held && (held <= least || held <= total - _used));
    }

    /// <summary>Takes what can't be refused any more, beyond the share and beyond all.</summary>
    public void Take(THolder holder, long amount)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(amount);
        lock (_lock)
            Set(holder, _held.GetValueOrDefault(holder) + amount, amount);
    }

    public void GiveBack(THolder holder, long amount)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(amount);
        lock (_lock)
        {
            long held = _held.GetValueOrDefault(holder) - amount;
            if (held < 0)
                throw new InvalidOperationException($"{holder} gives back {amount}, which is {-held} more than it holds.");
            Set(holder, held, -amount);
        }
    }

    /// <summary>INVARIANT: what all hold together is what is used.</summary>
    public void CheckInvariants()
    {
        lock (_lock)
        {
            if (_held.Values.Sum() != _used || _held.Values.Any(static held => held <= 0))
                throw new InvalidOperationException($"Shares: {_used} of {total} are used, {_held.Values.Sum()} are held.");
        }
    }

    private void Set(THolder holder, long held, long added)
    {
        Volatile.Write(ref _used, _used + added);
        if (held == 0)
            _held.Remove(holder);
        else
            _held[holder] = held;
    }
}

/// <summary>
/// Room for long frames of which the last byte has not come yet. A host that leaves many of them unfinished has its share and no more; who finds no room waits, unread, until
/// there is some: those that move no further end by their connections' watchdogs.
/// </summary>
public sealed class ArrivalRoom(long totalBytes)
{
    /// <summary>One frame of the longest kind, for any host.</summary>
    private const long LeastBytes = FrameLimits.ControlBytes;

    private readonly FairShares<string> _shares = new(totalBytes, LeastBytes);
    private readonly Lock _lock = new();
    private TaskCompletionSource? _freed;

    /// <summary>Bytes that are announced, and have a place.</summary>
    public long UsedBytes => _shares.Used;

    /// <summary>A place for one frame, until it is disposed.</summary>
    public async ValueTask<Place> TakeAsync(string host, int lengthBytes)
    {
        while (true)
        {
            Task freed;
            lock (_lock)
            {
                if (_shares.TryTake(host, lengthBytes))
                    return new Place(this, host, lengthBytes);
                _freed ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                freed = _freed.Task;
            }

            await freed;
        }
    }

    private void GiveBack(string host, int lengthBytes)
    {
        TaskCompletionSource? freed;
        lock (_lock)
        {
            _shares.GiveBack(host, lengthBytes);
            (freed, _freed) = (_freed, null);
        }

        freed?.SetResult();
    }

    /// <summary>Of one frame.</summary>
    public readonly struct Place(ArrivalRoom? room, string host, int lengthBytes) : IDisposable
    {
        public void Dispose() => room?.GiveBack(host, lengthBytes);
    }
}

/// <summary>
/// What the calls of all sessions hold at a server: requests that run, and replies that are remembered. The sessions of a host share both: one could have any number of sessions.
/// </summary>
internal sealed class CallMemory(RpcLimits limits)
{
    /// <summary>Requests that are shorter aren't counted: the bound of calls that run bounds them.</summary>
    private const int SmallBytes = 4096;

    /// <summary>A host may always have so much.</summary>
    private const long LeastBytes = FrameLimits.ControlBytes;

    private readonly FairShares<string> _requests = new(limits.TotalRequestBytes, LeastBytes), _replies = new(limits.TotalRememberedBytes, LeastBytes);

    /// <summary>False: the host has its share already; the call is to come again later. After true <see cref="Ran"/> must follow.</summary>
    public bool TryAdmit(string host, bool isMutation, int requestBytes)
    {
        if (isMutation && !_replies.MayTake(host))
            return false;
        return requestBytes <= SmallBytes || _requests.TryTake(host, requestBytes);
    }

    public void Ran(string host, int requestBytes)
    {
        if (requestBytes > SmallBytes)
            _requests.GiveBack(host, requestBytes);
    }

    /// <summary>A reply is kept, or, where negative, no longer.</summary>
    public void Remember(string host, long bytes)
    {
        if (bytes > 0)
            _replies.Take(host, bytes);
        else if (bytes < 0)
            _replies.GiveBack(host, -bytes);
    }

    public void CheckInvariants()
    {
        _requests.CheckInvariants();
        _replies.CheckInvariants();
    }
}

/// <summary>What waits in all send queues of a server together. Safe for concurrent use.</summary>
internal sealed class QueuedBytes(long mostBytes)
{
    /// <summary>What a connection may have queued in any case.</summary>
    private const int LeastBytes = 64 * 1024;

    private long _bytes;

    public long Bytes => Volatile.Read(ref _bytes);

    public void Add(long bytes) => Interlocked.Add(ref _bytes, bytes);

    /// <summary>A connection with so much in its queue may have more: no more than is left for all others.</summary>
    public bool HasRoomFor(int queuedBytes) => queuedBytes <= LeastBytes || queuedBytes <= mostBytes - Bytes;
}
