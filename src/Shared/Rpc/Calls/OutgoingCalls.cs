using System.Diagnostics;

namespace Afs.Rpc;

/// <summary>
/// The calls of one direction of one session that wait for a reply. Owns their numbers, retransmission and deadlines.
/// A client's outlives its connections and sessions; a server's calls to a client live and die with the connection.
/// </summary>
/// <remarks>
/// Invariants: a call is either waiting (no number, surely not executed in this session) or in flight (a number of this session).
/// What is in flight on a connection that is gone is sent again on the next, in order and before anything new, as the send queue has room for it. Numbers rise by one. <c>_lowest</c> is the lowest number in flight, or the next one: all below it have been answered or given up.
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
    private Queue<OutgoingCall> _again = [];
    private bool _awaitsRoom;
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

    /// <summary>Sends again what is to be, then gives numbers to waiting calls and sends them, as far as the bounds allow and the send queue has room.</summary>
    private void SendWaiting()
    {
        while (_connection is { Sender.HasRoom: true } && _again.TryDequeue(out OutgoingCall? call))
        {
            if (!call.IsDone)
                Transmit(call);
        }

        while (_connection is { Sender.HasRoom: true } && _inFlight.Count < _limits.ConcurrentCalls && _next - _lowest < CallWindow.MaxCalls
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
            _session, call.Sequence, new CallSequence(_lowest - 1), (ushort)call.Operation, isRetry, _time.ToWireMs(call.Deadline), call.Caller);
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

    /// <summary>Outside the gate, for sending is a system call. Nobody waits here: what found no room is sent when there is some.</summary>
    private void FlushConnection()
    {
        if (Volatile.Read(ref _connection) is not { } connection)
            return;
        ValueTask room = connection.Sender.FlushAsync();
        if (!room.IsCompletedSuccessfully && !Interlocked.Exchange(ref _awaitsRoom, true))
            BackgroundWork.Start("sending calls", () => SendWhenThereIsRoomAsync(room));
    }

    private async Task SendWhenThereIsRoomAsync(ValueTask room)
    {
        await room;
        Volatile.Write(ref _awaitsRoom, false);
        lock (_gate)
            SendWaiting();
        FlushConnection();
    }

    /// <summary>A connection of this session is ready: what is in flight is sent again, in order, then what waits, each as there is room for it.</summary>
    public void Attach(RpcConnection connection, SessionId session)
    {
        lock (_gate)
        {
            if (_isClosed)
                return;
            (_connection, _session) = (connection, session);
            _again = new Queue<OutgoingCall>(InFlightInOrder().Where(static call => call.Body is not null));
            SendWaiting();
        }

        FlushConnection();
    }

    /// <summary>The connection is gone: calls wait for the next.</summary>
    public void Detach(RpcConnection connection)
    {
        lock (_gate)
        {
            if (_connection != connection)
                return;
            _connection = null;
            _again.Clear();
            foreach (OutgoingCall call in _inFlight.Values)
                call.NextSend = Deadlines.Never;
        }
    }

    /// <summary>
    /// The session is gone, and with it the server's memory of its calls. Mutations in flight may have run: nobody can tell any more.
    /// Everything else waits for the next session, in its order.
    /// </summary>
    public void LoseSession()
    {
        List<OutgoingCall> inDoubt = [];
        lock (_gate)
        {
            (_connection, _session) = (null, default);
            _again.Clear();
            var again = new Queue<OutgoingCall>();
            foreach (OutgoingCall call in InFlightInOrder())
            {
                if (call.Body is null || call.IsMutation)
                {
                    call.IsDone = true;
                    inDoubt.Add(call);
                    continue;
                }

                (call.Sequence, call.FirstSent, call.NextSend) = (default, 0, Deadlines.Never);
                again.Enqueue(call);
            }

            foreach (OutgoingCall call in _waiting)
                again.Enqueue(call);
            _waiting = again;
            _inFlight.Clear();
            (_next, _lowest) = (1, 1);
        }

        foreach (OutgoingCall call in inDoubt)
            call.Complete(CallResult.Of(OutcomeKind.Unknown));
    }

    /// <summary>No more calls: those in flight are in doubt, those that wait were surely not executed.</summary>
    public void Dispose()
    {
        OutgoingCall[] ended;
        lock (_gate)
        {
            if (_isClosed)
                return;
            _isClosed = true;
            _connection = null;
            ended = [.. _inFlight.Values, .. _waiting.Where(call => !call.IsDone)];
            foreach (OutgoingCall call in ended)
                call.IsDone = true;
            _inFlight.Clear();
            _waiting.Clear();
            _again.Clear();
        }

        _timer.Dispose();
        foreach (OutgoingCall call in ended)
            call.Complete(CallResult.Of(InDoubt(call)));
    }

    private List<OutgoingCall> InFlightInOrder()
    {
        List<OutgoingCall> calls = [.. _inFlight.Values];
        calls.Sort(static (a, b) => a.Sequence.Value.CompareTo(b.Sequence.Value));
        return calls;
    }

    /// <summary>
    /// One timer serves all calls: it is armed for the earliest moment at which any may need something, and looks at all when it fires.
    /// Most calls are answered long before, so it seldom fires at all.
    /// </summary>
    private void Tick()
    {
        List<OutgoingCall> late = [];
        lock (_gate)
        {
            if (_isClosed)
                return;
            _armedFor = Deadlines.Never;
            long now = _time.GetTimestamp();
            foreach (OutgoingCall call in _inFlight.Values.Concat(_waiting))
            {
                if (!call.IsDone && call.Deadline <= now && !TryPutOff(call, now))
                    late.Add(call);
            }

            foreach (OutgoingCall call in late)
                Remove(call);
            foreach (OutgoingCall call in InFlightInOrder())
            {
                if (call.NextSend <= now && _connection is not null && call.Body is not null)
                    Transmit(call);
                Arm(Math.Min(call.Deadline, call.NextSend));
            }

            DropDone();
            SendWaiting();
            foreach (OutgoingCall call in _waiting)
                Arm(call.Deadline);
        }

        FlushConnection();
        foreach (OutgoingCall call in late)
            call.Complete(CallResult.Of(InDoubt(call)));
    }

    /// <summary>The call's own frame may be what moves on the connection. It is looked at again soon: a call whose reply isn't on its way waits no longer than for that of another.</summary>
    private bool TryPutOff(OutgoingCall call, long now)
    {
        if (call.Stall is not { } stall || now >= call.Last || _connection is not { } connection || !connection.IsMoving(stall))
            return false;
        call.Deadline = Math.Min(call.Last, _time.After(_timings.KeepAlive / 2));
        return true;
    }

    /// <summary>Calls that were given up while they waited leave the queue here, so that they don't count against its bound for long.</summary>
    private void DropDone()
    {
        for (int i = _waiting.Count; i > 0; i--)
        {
            OutgoingCall call = _waiting.Dequeue();
            if (!call.IsDone)
                _waiting.Enqueue(call);
        }
    }

    private void Arm(long due)
    {
        if (due >= _armedFor)
            return;
        _armedFor = due;
        _timer.Change(Deadlines.ForTimer(_time.Until(due)), Timeout.InfiniteTimeSpan);
    }

    /// <summary>
    /// Takes a number for an upload, which travels on connections of its own but is one of the session's calls: it counts against
    /// the bounds, and its reply isn't forgotten before <see cref="EndUpload"/>. Null: no session before the deadline.
    /// </summary>
    public async ValueTask<OutgoingCall?> BeginUploadAsync(long deadline, CancellationToken cancellation)
    {
        var call = new OutgoingCall(operation: 0, isMutation: true, body: null, deadline);
        CallResult granted = await RunAsync(call, cancellation);
        return granted.Kind == OutcomeKind.Replied ? call : null;
    }

    /// <summary>False: the session in which the upload has its number is gone.</summary>
    public bool TryGetSession(OutgoingCall upload, out SessionId session, out CallSequence seenThrough)
    {
        lock (_gate)
        {
            (session, seenThrough) = (_session, new CallSequence(_lowest - 1));
            return !upload.IsDone && session != default;
        }
    }

    /// <summary>Its bytes move: it may take until then.</summary>
    public void PutOff(OutgoingCall upload, long deadline)
    {
        lock (_gate)
            upload.Deadline = Math.Max(upload.Deadline, deadline);
    }

    public void EndUpload(OutgoingCall upload)
    {
        lock (_gate)
        {
            if (upload.IsDone)
                return;
            Remove(upload);
            SendWaiting();
        }

        FlushConnection();
    }

    /// <summary>Those of the class, and its bounds.</summary>
    public void CheckInvariants()
    {
        lock (_gate)
        {
            ulong lowest = _next;
            foreach ((ulong sequence, OutgoingCall call) in _inFlight)
            {
                if (call.Sequence.Value != sequence || sequence < _lowest || sequence >= _next || call.IsDone)
                    throw new UnreachableException($"Call {sequence} is in flight, done: {call.IsDone}, where {_lowest} to {_next} may be.");
                lowest = Math.Min(lowest, sequence);
            }

            if (lowest != _lowest || _inFlight.Count > _limits.ConcurrentCalls || _waiting.Count > _limits.WaitingCalls + _limits.ConcurrentCalls)
                throw new UnreachableException($"{_inFlight.Count} calls are in flight from {lowest}, counted from {_lowest}; {_waiting.Count} wait.");
            if (_waiting.Any(static call => call.Sequence != default))
                throw new UnreachableException("A call that waits has a number.");
        }
    }
}

/// <summary>
/// One call that waits for its reply. All but the task belongs to its <see cref="OutgoingCalls"/>. Whoever takes it out of there, reply,
/// deadline, cancellation or end, completes it; so it is completed once.
/// </summary>
internal sealed class OutgoingCall(int operation, bool isMutation, PooledBuffer? body, long deadline) : IThreadPoolWorkItem
{
    private readonly TaskCompletionSource<CallResult> _done = new();
    private CallResult _result;
    private int _hasResult;

    /// <summary>Ends when what became of the call was told. Who waits for it goes on where that was done.</summary>
    public Task<CallResult> Done => _done.Task;

    public int Operation => operation;

    public bool IsMutation => isMutation;

    public CallerNumber Caller { get; init; }

    /// <summary>The encoded request, owned by the caller until the call is completed; null for an upload, which has connections of its own.</summary>
    public PooledBuffer? Body => body;

    public long Deadline { get; set; } = deadline;

    /// <summary>As of <see cref="CallContext.Stall"/>.</summary>
    public TimeSpan? Stall { get; init; }

    /// <summary>Where the deadline is put off while bytes move: never past this.</summary>
    public long Last { get; init; }

    /// <summary>Zero until it is first sent in its session.</summary>
    public CallSequence Sequence { get; set; }

    /// <summary>The clock from before the first transmission in this session; zero if there was none.</summary>
    public long FirstSent { get; set; }

    public bool WasSent => FirstSent != 0;

    /// <summary>When to send again without being asked.</summary>
    public long NextSend { get; set; } = Deadlines.Never;

    public int Transmissions { get; set; }

    public bool IsDone { get; set; }

    /// <summary>The caller goes on elsewhere, so that this may be called under a lock.</summary>
    public void Complete(CallResult result)
    {
        if (TrySetResult(result))
            WorkQueue.Add(this);
    }

    /// <summary>
    /// Says what became of it; whoever does must execute it. False: that was said before, as of an upload that was granted and whose session ends.
    /// </summary>
    public bool TrySetResult(CallResult result)
    {
        if (Interlocked.Exchange(ref _hasResult, 1) != 0)
            return false;
        _result = result;
        return true;
    }

    /// <summary>The caller goes on here.</summary>
    public void Execute() => _done.SetResult(_result);
}

/// <summary>What became of a call, its reply message still encoded. <see cref="Reply"/> belongs to the caller.</summary>
/// <param name="Kind">As <see cref="OutcomeKind"/>; with a reply frame only where it is Replied.</param>
/// <param name="Origin">The connection that the reply came from: it ends if the reply turns out malformed.</param>
internal readonly record struct CallResult(OutcomeKind Kind, AbortCode Abort, ReceivedFrame Reply, RpcConnection? Origin)
{
    public static CallResult Of(OutcomeKind kind) => new(kind, AbortCode.None, ReceivedFrame.End, null);
}

/// <summary>Gives a reply frame to the call that waits for it. Runs on the connection's reader; the caller goes on when the call is executed.</summary>
internal static class ReplyDelivery
{
    /// <summary>Takes over the frame.</summary>
    public static FrameHandled Give(OutgoingCall call, ReplyFrame reply, ReceivedFrame frame, RpcConnection origin)
    {
        bool hasBody = reply.Status == ReplyStatus.Replied;
        CallResult result = hasBody
            ? new CallResult(OutcomeKind.Replied, AbortCode.None, frame, origin)
            : new CallResult((OutcomeKind)reply.Status, reply.Abort, ReceivedFrame.End, origin);
        bool isFirst = call.TrySetResult(result);
        if (!hasBody || !isFirst)
            frame.Dispose();
        return isFirst ? new FrameHandled(default, call) : default;
    }
}

/// <summary>From a request message to its outcome: encoding, waiting, decoding. Both directions make their calls by it.</summary>
internal sealed class CallMaker(OutgoingCalls calls, TimeProvider time, RpcTimings timings, RpcStatistics statistics)
{
    private const int MaxRequestBytes = FrameLimits.ControlBytes - 1 - RequestFrame.Bytes;

    public async ValueTask<Outcome<TReply>> CallAsync<TRequest, TReply>(int operation, bool isMutation, TRequest request, CallContext context)
        where TRequest : IWireMessage<TRequest>
        where TReply : IWireMessage<TReply>
    {
        using var body = new PooledBuffer();
        WireCodec.Encode(body, request);
        if (body.Length > MaxRequestBytes)
            throw new InvalidOperationException($"The request has {body.Length} bytes, a frame holds {MaxRequestBytes}.");

        statistics.CountMade(operation);
        var call = new OutgoingCall(operation, isMutation, body, time.After(context.Deadline ?? timings.DefaultDeadline)) { Caller = context.Caller, Stall = context.Stall, Last = time.After(timings.LongestCall) };
        Outcome<TReply> outcome = Decode<TReply>(await calls.RunAsync(call, context.Cancellation));
        statistics.CountMadeOutcome(operation, outcome.Kind);
        return outcome;
    }

    /// <summary>On the caller's continuation, not on the connection's reader.</summary>
    private static Outcome<TReply> Decode<TReply>(CallResult result)
        where TReply : IWireMessage<TReply>
    {
        switch (result.Kind)
        {
            case OutcomeKind.Aborted: return Outcome<TReply>.Refused(result.Abort);
            case OutcomeKind.NotExecuted: return Outcome<TReply>.NotExecuted;
            case OutcomeKind.Unknown: return Outcome<TReply>.Unknown;
        }

        using (result.Reply)
        {
            try
            {
                return WireCodec.FromBytes<TReply>(result.Reply.Content[ReplyFrame.Bytes..]);
            }
            catch (MalformedMessageException e)
            {
                // The other side ran the call, but what came of it can't be read.
                result.Origin?.Break(e.Message);
                return Outcome<TReply>.Unknown;
            }
        }
    }
}
