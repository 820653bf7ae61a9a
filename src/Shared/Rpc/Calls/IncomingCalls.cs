using System.Buffers.Binary;
using System.Diagnostics;
using System.Numerics;
using Microsoft.Extensions.Logging;

namespace Afs.Rpc;

/// <summary>
/// At most once, on the side that runs the calls: what runs, and the replies of what ran, until the caller has seen them.
/// (Birrell and Nelson, Implementing Remote Procedure Calls, 1984.) One per session at a server, one per connection at a client.
/// </summary>
/// <remarks>
/// Invariants: a number runs at most once while it is in the table; a number at or below <c>_forgotten</c> never runs again; a finished
/// mutation stays in the table, aborts included, until the caller says that it has seen the reply. A finished read leaves at once: it may run again.
/// </remarks>
internal sealed class IncomingCalls(RpcLimits limits, CallSequence forgottenThrough, CallMemory? memory = null, string host = "")
{
    private readonly Lock _gate = new();
    private readonly Dictionary<ulong, IncomingCall> _calls = [];
    private ulong _forgotten = forgottenThrough.Value;
    private long _rememberedBytes;
    private int _running;
    private bool _isClosed;

    /// <summary>Nothing runs.</summary>
    public bool IsIdle
    {
        get
        {
            lock (_gate)
                return _running == 0;
        }
    }

    /// <param name="requestBytes">How long its request is.</param>
    /// <summary>Decides about a call that arrived. After <see cref="Admission.Run"/>, <see cref="Finish"/> or <see cref="Abandon"/> must follow.</summary>
    /// <exception cref="MalformedMessageException">Another request had this number.</exception>
    public Admission Admit(CallSequence sequence, RequestDigest request, bool isMutation, int requestBytes, out IncomingCall? call)
    {
        lock (_gate)
        {
            if (_calls.TryGetValue(sequence.Value, out call))
            {
                call.Request.Require(request, sequence);
                return call.IsFinished ? Admission.Replay : Admission.Running;
            }
            if (sequence.Value <= _forgotten)
                return Admission.Stale;
            if (_running >= limits.ConcurrentCalls || (isMutation && _rememberedBytes > limits.RememberedReplyBytes))
                return Admission.Busy;
            if (memory is not null && !memory.TryAdmit(host, isMutation, requestBytes))
                return Admission.Busy;
            call = new IncomingCall(request) { RequestBytes = requestBytes };
            _calls.Add(sequence.Value, call);
            _running++;
            return Admission.Run;
        }
    }

    /// <summary>The run ended with a result. <paramref name="remember"/>: keep it for duplicates.</summary>
    public void Finish(CallSequence sequence, DispatchResult result, ReadOnlySpan<byte> reply, bool remember)
    {
        TaskCompletionSource? ended = null;
        lock (_gate)
        {
            _running--;
            if (_calls.TryGetValue(sequence.Value, out IncomingCall? call))
            {
                ended = call.Ended;
                memory?.Ran(host, call.RequestBytes);
                if (remember && sequence.Value > _forgotten)
                {
                    (call.Result, call.Reply, call.IsFinished) = (result, reply.ToArray(), true);
                    Remember(reply.Length);
                }
                else
                {
                    _calls.Remove(sequence.Value);
                }
            }
        }

        ended?.TrySetResult();
    }

    /// <summary>The run ended before anything was done: the same call may run later.</summary>
    public void Abandon(CallSequence sequence) => Finish(sequence, default, default, remember: false);

    /// <summary>Ends when a call that runs has ended.</summary>
    public Task WhenEnded(IncomingCall call)
    {
        lock (_gate)
        {
            if (call.IsFinished)
                return Task.CompletedTask;
            call.Ended ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return call.Ended.Task;
        }
    }

    /// <summary>The caller has seen all replies up to here. True: it said so for the first time.</summary>
    public bool Forget(CallSequence through)
    {
        lock (_gate)
        {
            if (through.Value <= _forgotten)
                return false;

            // The numbers between are few where the caller is honest; the table is small in any case.
            if (through.Value - _forgotten <= (ulong)_calls.Count)
            {
                for (ulong sequence = _forgotten + 1; sequence <= through.Value; sequence++)
                    Drop(sequence);
            }
            else
            {
                foreach (ulong sequence in _calls.Keys.Where(key => key <= through.Value).ToArray())
                    Drop(sequence);
            }

            _forgotten = through.Value;
            return true;
        }
    }

    /// <summary>The session leaves memory: what it remembered counts no more.</summary>
    public void Close()
    {
        lock (_gate)
        {
            if (_isClosed)
                return;
            memory?.Remember(host, -_rememberedBytes);
            _isClosed = true;
        }
    }

    private void Remember(long bytes)
    {
        _rememberedBytes += bytes;
        if (!_isClosed)
            memory?.Remember(host, bytes);
    }

    private void Drop(ulong sequence)
    {
        // A run that nobody waits for stays until it ends.
        if (_calls.TryGetValue(sequence, out IncomingCall? call) && call.IsFinished)
        {
            Remember(-call.Reply.Length);
            _calls.Remove(sequence);
        }
    }

    /// <summary>Those above, for tests and simulation: counts agree, and what was forgotten is gone.</summary>
    public void CheckInvariants()
    {
        lock (_gate)
        {
            (int running, long bytes) = (0, 0);
            foreach ((ulong sequence, IncomingCall call) in _calls)
            {
                running += call.IsFinished ? 0 : 1;
                bytes += call.IsFinished ? call.Reply.Length : 0;
                if (call.IsFinished && sequence <= _forgotten)
                    throw new UnreachableException($"The reply of call {sequence} was forgotten and is still there.");
            }

            if (running != _running || bytes != _rememberedBytes || running > limits.ConcurrentCalls)
                throw new UnreachableException($"{running} calls run, {_running} are counted; {bytes} bytes of replies, {_rememberedBytes} are counted.");
        }
    }
}

/// <summary>A call that runs here, or the reply of one that ran. Belongs to its <see cref="IncomingCalls"/>.</summary>
internal sealed class IncomingCall(RequestDigest request)
{
    public RequestDigest Request => request;

    /// <summary>Bytes of its request, counted while it runs.</summary>
    public int RequestBytes { get; init; }

    public bool IsFinished { get; set; }

    public DispatchResult Result { get; set; }

    /// <summary>The encoded reply message; never changed once it is set.</summary>
    public byte[] Reply { get; set; } = [];

    /// <summary>Completed when the run ends, however it ends; made when somebody waits.</summary>
    public TaskCompletionSource? Ended { get; set; }
}

/// <summary>What is to be done with a call that has just arrived.</summary>
internal enum Admission
{
    /// <summary>It is new here: run it.</summary>
    Run,

    /// <summary>It is running: the reply of that run answers this one too.</summary>
    Running,

    /// <summary>It ran: give the same reply.</summary>
    Replay,

    /// <summary>Its reply was seen, or nobody waits for it any more: drop it.</summary>
    Stale,

    /// <summary>Too much at once: not now.</summary>
    Busy,
}

/// <summary>Runs one call of the service, and is the one place that decides what its failures mean to the caller.</summary>
internal sealed class CallRunner(IRpcDispatcher dispatcher, RpcStatistics statistics, HandlerFailures failures)
{
    private const int MaxReplyBytes = FrameLimits.ControlBytes - 1 - ReplyFrame.Bytes;

    public bool TryGetOperation(int number, out RpcOperation operation) => dispatcher.TryGetOperation(number, out operation);

    /// <summary>Decodes and runs; the encoded reply message goes to <paramref name="reply"/>. Disposes the frame as soon as it is decoded.</summary>
    /// <exception cref="MalformedMessageException">The request message is malformed, or its number was another's. Nothing ran.</exception>
    /// <exception cref="CallUnansweredException">The caller can't be told what it did.</exception>
    /// <exception cref="CallPutOffException">Nothing ran; it is to come again.</exception>
    public async ValueTask<DispatchResult> RunAsync(RpcOperation operation, ReceivedFrame frame, CallContext context, PooledBuffer reply)
    {
        statistics.CountServed(operation.Number);
        DispatchResult result;
        try
        {
            result = await Dispatch(operation, frame, context, reply);
            if (reply.Length > MaxReplyBytes)
                throw new InvalidOperationException($"The reply has {reply.Length} bytes, a frame holds {MaxReplyBytes}.");
        }
        catch (Exception e) when (e is not (MalformedMessageException or CallUnansweredException or CallPutOffException))
        {
            // The service may have done anything before it threw, so the caller can't be told more than that.
            failures.Tell(operation.Name, context.Peer, context.Host, e);
            reply.Clear();
            result = new DispatchResult(OutcomeKind.Unknown, AbortCode.None);
        }

        statistics.CountServedOutcome(operation.Number, result.Kind);
        return result;
    }

    private ValueTask<DispatchResult> Dispatch(RpcOperation operation, ReceivedFrame frame, CallContext context, PooledBuffer reply)
    {
        using (frame)
            return dispatcher.DispatchAsync(operation.Number, frame.Content[RequestFrame.Bytes..], context, reply);
    }
}

/// <summary>Tells the log of calls that failed inside the service: of each host that asks for them one a minute.</summary>
internal sealed class HandlerFailures(ILogger log, PeerWarnings warnings)
{
    private const string Kind = "failed calls";

    public void Tell(string operation, string? peer, string host, Exception e)
    {
        if (warnings.MayTell(host, Kind, out string more))
            log.HandlerFailed(operation, peer, more, e);
    }

    public void Tell(string operation, RpcConnection connection, Exception e) => Tell(operation, connection.Peer, connection.Host, e);
}

/// <summary>One call on its way through the server, beside the connection's reader, which must not wait for the service.</summary>
internal sealed class ServerCall(ServerParts parts, ServerSession session, ServerConnection origin, RpcOperation operation, RequestFrame request, RequestDigest digest, ReceivedFrame frame)
    : IThreadPoolWorkItem
{
    public void Execute() => BackgroundWork.Watch("a call", RunAsync());

    private async Task RunAsync()
    {
        using var reply = new PooledBuffer();
        try
        {
            // Where so many replies came of calls that arrived with this one that there is no room for more, it comes again.
            Committed? found = HasRoom ? await FindCommittedAsync(reply) : null;
            if (found is not { } committed)
            {
                frame.Dispose();
                await RefuseAsync(reply);
                return;
            }

            DispatchResult result = committed.Result ?? await session.Scope.Runner.RunAsync(operation, frame, Context(), reply);
            if (!operation.IsMutation && !HasRoom)
            {
                // Many that waited for the same thing were let go together. It changed nothing, and may run once more.
                await RefuseAsync(reply);
                return;
            }

            session.Incoming.Finish(request.Sequence, result, reply.WrittenSpan, remember: operation.IsMutation);
            ValueTask sent = SendAsync(parts.Reply(session, request.Sequence, (ReplyStatus)result.Kind, result.Abort), reply.WrittenSpan);
            reply.Clear(); // It is in the queue.
            await sent;
        }
        catch (CallPutOffException)
        {
            await RefuseAsync(reply);
        }
        catch (Exception e) when (e is MalformedMessageException or CallUnansweredException)
        {
            session.Incoming.Abandon(request.Sequence);
            origin.Connection.Break(e.Message);
        }
        finally
        {
            parts.Leave();
        }
    }

    /// <summary>Who doesn't read gets nothing to read.</summary>
    private bool HasRoom => session.Current is not { Connection.Sender.HasRoom: false };

    private ValueTask RefuseAsync(PooledBuffer reply)
    {
        session.Incoming.Abandon(request.Sequence);
        reply.Clear();
        return SendAsync(parts.Reply(session, request.Sequence, ReplyStatus.Busy));
    }

    /// <summary>Null: whether it was committed can't be found out at this moment. Nothing ran, and the client, told to ask again, finds the call not running.</summary>
    private async ValueTask<Committed?> FindCommittedAsync(PooledBuffer reply)
    {
        if (!operation.IsMutation || !request.IsRetry)
            return default(Committed);
        try
        {
            return new Committed(await ReadCommittedAsync(reply));
        }
        catch (Exception e) when (e is not MalformedMessageException)
        {
            parts.Failures.Tell(operation.Name, origin.Connection, e);
            return null;
        }
    }

    /// <summary>A mutation that was sent before may have been committed in an earlier life of this server.</summary>
    /// <exception cref="MalformedMessageException">What was committed by this number was another request.</exception>
    private async ValueTask<DispatchResult?> ReadCommittedAsync(PooledBuffer reply)
    {
        if (await session.Scope.Replies.FindAsync(Id) is not { } stored)
            return null;
        stored.Request.Require(digest, request.Sequence);
        parts.Options.Statistics.CountDuplicate(operation.Number);
        stored.Body.Span.CopyTo(reply.GetSpan(stored.Body.Length));
        reply.Advance(stored.Body.Length);
        frame.Dispose();
        return new DispatchResult(stored.Abort == AbortCode.None ? OutcomeKind.Replied : OutcomeKind.Aborted, stored.Abort);
    }

    private CallId Id => new(session.Client, session.Id, request.Sequence);

    private CallContext Context() => new()
    {
        Deadline = Deadlines.FromWireMs(request.DeadlineMs),
        Caller = request.Caller,
        Cancellation = parts.Stopping,
        Id = Id,
        Request = digest,
        Peer = origin.Connection.Peer,
        Host = origin.Connection.Host,
    };

    /// <summary>To the session's connection of this moment, which may be a later one than the call came by.</summary>
    private ValueTask SendAsync(ReplyFrame head, ReadOnlySpan<byte> body = default) =>
        session.Current is { } current ? current.Connection.Sender.SendAsync(head, body) : default;

    /// <param name="Result">Null: it was not committed before, and is to run.</param>
    private readonly record struct Committed(DispatchResult? Result);
}

/// <summary>
/// The durable side of at-most-once, owned by the service: it commits a mutation's encoded reply in the same transaction as the
/// mutation itself, and gives back after a restart what it has. Birrell and Nelson 1984; the reply is kept until the client says that it saw it.
/// </summary>
public interface IReplyStore
{
    /// <summary>The session, if it was ever established and hasn't ended; with the highest sequence up to which replies were forgotten.</summary>
    bool TryGetSession(SessionId session, out ClientId client, out CallSequence forgottenThrough);

    /// <summary>Establishes a session and makes it durable before it returns. Null: there are as many as may be, and all are in use.</summary>
    ValueTask<SessionId?> CreateSessionAsync(ClientId client, CancellationToken cancellation);

    /// <summary>The committed reply of a mutation, encoded as <see cref="StoredReply"/> says; null if it surely never ran.</summary>
    ValueTask<StoredReply?> FindAsync(CallId call);

    /// <summary>The client has seen all replies up to here: they may go, in due course.</summary>
    void Forget(SessionId session, CallSequence through);
}

/// <summary>A committed reply: an encoded message, or an abort code.</summary>
/// <param name="Body">The encoded reply message; empty for an abort.</param>
/// <param name="Request">What it answers.</param>
public readonly record struct StoredReply(AbortCode Abort, ReadOnlyMemory<byte> Body, RequestDigest Request);

/// <summary>
/// What a call asked for, kept with its reply: a retry repeats its request byte for byte, so a reply is never given to another request that claims the
/// same number. It finds errors; it is no proof against a client that means to deceive itself.
/// </summary>
/// <param name="Value">Above, 32 bits: the operation's number, 0 for an upload. Below, 32 bits: CRC-32C of the encoded request. Zero: not known.</param>
public readonly record struct RequestDigest(ulong Value)
{
    /// <summary>Of a reply that was stored before digests were: it answers whatever its reader can decode it for.</summary>
    public static readonly RequestDigest Unknown = new(0);

    /// <summary>The operation number of uploads; no call has it.</summary>
    public const int UploadOperation = 0;

    /// <param name="request">The encoded message; empty for a call that may be repeated as another, i.e. one that changes nothing.</param>
    public static RequestDigest Of(int operation, ReadOnlySpan<byte> request)
    {
        uint sum = uint.MaxValue;
        for (; request.Length >= sizeof(ulong); request = request[sizeof(ulong)..])
            sum = BitOperations.Crc32C(sum, BinaryPrimitives.ReadUInt64LittleEndian(request));
        foreach (byte rest in request)
            sum = BitOperations.Crc32C(sum, rest);
        return new((ulong)(uint)operation << 32 | ~sum);
    }

    /// <summary>False: this is the digest of another request than that.</summary>
    public bool Answers(RequestDigest request) => this == Unknown || this == request;

    /// <exception cref="MalformedMessageException">This is the digest of another request than that.</exception>
    public void Require(RequestDigest request, CallSequence sequence)
    {
        if (!Answers(request))
            throw new MalformedMessageException($"Malformed call {sequence}: that number was another request's.");
    }
}
