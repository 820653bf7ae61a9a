namespace Afs.Rpc;

/// <summary>
/// The calls of one direction of one session that wait for a reply. Owns their numbers, retransmission and deadlines.
/// A client's outlives its connections and sessions; a server's calls to a client live and die with the connection.
/// </summary>
/// <remarks>
/// Invariants: a call is either waiting (no number, surely not executed in this session) or in flight (a number of this session).
/// Numbers rise by one. <c>_lowest</c> is the lowest number in flight, or the next one: all below it have been answered or given up.
/// Lock order: this gate, then a sender's. Nothing is awaited and no user code runs under the gate.
/// </remarks>
internal sealed partial class OutgoingCalls : IDisposable
{
    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private readonly Random _random;
    private readonly RpcTimings _timings;
    private readonly RpcLimits _limits;
    private readonly RpcStatistics _statistics;
    private readonly Dictionary<ulong, OutgoingCall> _inFlight = [];
    private readonly ITimer _timer;
    private Queue<OutgoingCall> _waiting = [];
    private RpcConnection? _connection;
    private SessionId _session;
    private ulong _next = 1;
    private ulong _lowest = 1;
    private long _armedFor = Deadlines.Never;
    private bool _isClosed;

    public OutgoingCalls(TimeProvider time, Random random, RpcTimings timings, RpcLimits limits, RpcStatistics statistics)
    {
        (_time, _random, _timings, _limits, _statistics) = (time, random, timings, limits, statistics);
        _timer = time.CreateTimer(static state => ((OutgoingCalls)state!).Tick(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>All replies up to here were seen, or nobody waits for them any more.</summary>
    public CallSequence SeenThrough
    {
        get
        {
            lock (_gate)
                return new CallSequence(_lowest - 1);
        }
    }

    public int Count
    {
        get
        {
            lock (_gate)
                return _inFlight.Count + _waiting.Count;
        }
    }

    /// <summary>Puts a call in line. The task ends with its reply, its deadline, or <paramref name="cancellation"/>.</summary>
    public async ValueTask<CallResult> RunAsync(OutgoingCall call, CancellationToken cancellation)
    {
        if (cancellation.IsCancellationRequested || !TryAdd(call))
            return CallResult.Of(OutcomeKind.NotExecuted);
        FlushConnection();
        if (!cancellation.CanBeCanceled)
            return await call.Done;
        using (cancellation.UnsafeRegister(_ => GiveUp(call), null))
            return await call.Done;
    }

    /// <summary>A reply came: the call, which the caller then sets a result of and executes; null where nobody waits for it any more.</summary>
    public OutgoingCall? Take(CallSequence sequence)
    {
        OutgoingCall? call;
        lock (_gate)
        {
            if (!_inFlight.TryGetValue(sequence.Value, out call) || call.Body is null)
                return null;
            Remove(call);
            SendWaiting();
        }

        FlushConnection();
        return call;
    }

    /// <summary>The other side was busy: the same call goes out again later.</summary>
    public void SendAgainLater(CallSequence sequence)
    {
        lock (_gate)
        {
            if (!_inFlight.TryGetValue(sequence.Value, out OutgoingCall? call))
                return;
            call.NextSend = _time.After(_timings.Resend.Delay(call.Transmissions, _random));
            Arm(call.NextSend);
        }
    }

    /// <summary>The caller waits no longer: at its deadline, or since it was cancelled.</summary>
    private void GiveUp(OutgoingCall call)
    {
        lock (_gate)
        {
            if (call.IsDone)
                return;
            Remove(call);
            SendWaiting();
        }

        FlushConnection();
        call.Complete(CallResult.Of(InDoubt(call)));
    }

    private static OutcomeKind InDoubt(OutgoingCall call) => call.WasSent ? OutcomeKind.Unknown : OutcomeKind.NotExecuted;

    private bool TryAdd(OutgoingCall call)
    {
        lock (_gate)
        {
            if (_isClosed || _waiting.Count >= _limits.WaitingCalls)
                return false;
            _waiting.Enqueue(call);
            SendWaiting();
            Arm(call.Deadline);
            return true;
        }
    }

    /// <summary>Gives numbers to waiting calls, and sends them, as far as the bounds allow.</summary>
    private void SendWaiting()
    {
        while (_connection is not null && _inFlight.Count < _limits.ConcurrentCalls && _next - _lowest < CallWindow.MaxCalls
            && _waiting.TryDequeue(out OutgoingCall? call))
        {
            if (call.IsDone)
                continue;
            call.Sequence = new CallSequence(_next++);
            _inFlight.Add(call.Sequence.Value, call);
            if (call.Body is null)
                call.Complete(CallResult.Of(OutcomeKind.Replied));
            else
                Transmit(call);
        }
    }

    private void Transmit(OutgoingCall call)
    {
        bool isRetry = call.WasSent;
        if (isRetry)
            _statistics.CountRetry(call.Operation);
        else
            call.FirstSent = Math.Max(1, _time.GetTimestamp());
        var frame = new RequestFrame(
            _session, call.Sequence, new CallSequence(_lowest - 1), (ushort)call.Operation, isRetry, _time.ToWireMs(call.Deadline));
        _connection!.Sender.Append(frame, call.Body!.WrittenSpan);
        call.NextSend = _connection.IsReliable ? Deadlines.Never : _time.After(_timings.Resend.Delay(call.Transmissions, _random));
        call.Transmissions++;
        Arm(call.NextSend);
    }

    private void Remove(OutgoingCall call)
    {
        call.IsDone = true;
        if (call.Sequence.Value == 0 || !_inFlight.Remove(call.Sequence.Value))
            return;
        while (_lowest < _next && !_inFlight.ContainsKey(_lowest))
            _lowest++;
    }

    /// <summary>Outside the gate, for sending is a system call. Back-pressure is the bound of calls in flight, so nobody waits here.</summary>
    private void FlushConnection()
    {
        if (Volatile.Read(ref _connection) is { } connection)
            _ = connection.Sender.FlushAsync();
    }
}
