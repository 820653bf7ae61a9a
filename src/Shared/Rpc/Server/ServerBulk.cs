using Microsoft.Extensions.Logging;

namespace Afs.Rpc;

/// <summary>A bulk connection at the server: one exchange after the other, until the client leaves or something breaks.</summary>
internal sealed class ServerBulkConnection(RpcConnection connection, ServerSession session, ServerParts parts)
{
    private readonly RpcServerOptions _options = parts.Options;

    /// <summary>Serves until the connection ends, and says why it did.</summary>
    public async Task<string> RunAsync(WelcomeFrame welcome)
    {
        await connection.SendDirectAsync(welcome);

        // The client closes an idle connection first.
        TimeSpan idleLimit = 2 * _options.Timings.BulkIdle;
        using var watch = new BulkWatch(connection, parts.Time, idleLimit);
        while (true)
        {
            using ReceivedFrame frame = await connection.ReceiveAsync(FrameLimits.BulkBytes);
            if (frame.IsEnd || frame.Type == FrameType.Goodbye)
                return "the client closed it";
            watch.Expect(_options.Timings.BulkProgress);
            await ServeAsync(frame, watch);
            watch.Expect(idleLimit);
        }
    }

    private async ValueTask ServeAsync(ReceivedFrame frame, BulkWatch watch)
    {
        if (frame.Type == FrameType.Hello && !connection.IsReliable)
            return;
        if (frame.Type is not (FrameType.BulkDownload or FrameType.BulkUpload))
            throw new MalformedMessageException($"Malformed connection: a {frame.Type} frame where a transfer begins.");
        if (session.Scope.Bulk is not { } handler)
        {
            await connection.SendDirectAsync(parts.Reply(session, default, ReplyStatus.Aborted, RpcAbortCodes.NoService));
            return;
        }

        if (!parts.TryEnter())
        {
            await connection.SendDirectAsync(parts.Reply(session, default, ReplyStatus.Busy));
            return;
        }

        try
        {
            if (frame.Type == FrameType.BulkDownload)
                await new ServerDownload(connection, session, parts, handler, watch).RunAsync(frame);
            else
                await new ServerUpload(connection, session, parts, handler, watch).RunAsync(frame);
        }
        finally
        {
            parts.Leave();
        }
    }
}

/// <summary>One download: opens the source, sends its bytes, and a reply that says that these were all.</summary>
internal sealed class ServerDownload(RpcConnection connection, ServerSession session, ServerParts parts, IBulkHandler handler, BulkWatch watch)
{
    private const string Name = "BulkDownload";

    public async ValueTask RunAsync(ReceivedFrame frame)
    {
        BulkDownloadFrame download = BulkDownloadFrame.Read(frame.Content.Span);
        var request = new BulkRequest(frame.Content[BulkDownloadFrame.Bytes..], new CallContext
        {
            Deadline = Deadlines.FromWireMs(download.DeadlineMs),
            Caller = download.Caller,
            Cancellation = connection.Ended,
            Id = new CallId(session.Client, session.Id, default),
            Peer = connection.Peer,
            Host = connection.Host,
        });
        Outcome<IBulkSource> opened = await OpenAsync(request);
        if (!opened.IsReply)
        {
            await connection.SendDirectAsync(parts.Reply(session, default, (ReplyStatus)opened.Kind, opened.Abort));
            return;
        }

        await using IBulkSource source = opened.Value;
        await SendAsync(source);
    }

    private async ValueTask<Outcome<IBulkSource>> OpenAsync(BulkRequest request)
    {
        try
        {
            return await BulkPatience.WaitAsync(handler.OpenSourceAsync(request), connection, watch, parts.Options);
        }
        catch (Exception e) when (e is not MalformedMessageException)
        {
            parts.Failures.Tell(Name, connection, e);
            return Outcome<IBulkSource>.Unknown;
        }
    }

    private async ValueTask SendAsync(IBulkSource source)
    {
        await connection.SendDirectAsync(new BulkStartFrame(source.LengthBytes));
        var fault = new CallerFault();
        ValueTask<int> Read(long offset, Memory<byte> destination, CancellationToken cancellation) =>
            fault.GuardAsync(() => source.ReadAsync(offset, destination, cancellation));
        try
        {
            var chunks = new ChunkSizes(parts.Options.Limits, parts.Time);
            await BulkSender.SendAsync(connection, watch, source.LengthBytes, chunks, Read, parts.Options.Statistics);
        }
        catch (Exception e) when (fault.Is(e) || e is EndOfStreamException)
        {
            // Part of the content is on its way, so only the end of the connection can say that the rest won't come.
            parts.Failures.Tell(Name, connection, e);
            throw new IOException("the content could not be read", e);
        }

        await connection.SendDirectAsync(parts.Reply(session, default, ReplyStatus.Replied));
    }
}

/// <summary>What a server's connections share.</summary>
internal sealed class ServerParts(RpcServerOptions options, PeerWarnings warnings)
{
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _stopping = new();
    private TaskCompletionSource? _drained;
    private int _running;
    private bool _isDraining;

    public RpcServerOptions Options => options;

    public ILogger Log => options.Log;

    public TimeProvider Time => options.Time;

    /// <summary>What is served, by its name; the same as long as the server lives.</summary>
    private readonly Dictionary<string, ServedScope> _scopes = Serve(options, warnings);

    /// <summary>What waits to be sent on all connections.</summary>
    public QueuedBytes Queued { get; } = new(options.Limits.TotalQueuedBytes);

    /// <summary>What is arriving on all connections.</summary>
    public ArrivalRoom Arriving { get; } = new(options.Limits.TotalArrivingBytes);

    /// <summary>Connections, by the host that they come from.</summary>
    public FairShares<string> Connections { get; } = new(options.Limits.Connections, least: 1);

    /// <summary>What peers cause in the log.</summary>
    public PeerWarnings Warnings => warnings;

    public HandlerFailures Failures { get; } = new(options.Log, warnings);

    public SessionTokens Tokens { get; } = new(options.SessionKey);

    /// <summary>Cancelled when the time to drain is over.</summary>
    public CancellationToken Stopping => _stopping.Token;

    public IReadOnlyCollection<ServedScope> Scopes => _scopes.Values;

    /// <summary>Null: there is none of that name.</summary>
    public ServedScope? FindScope(string name) => _scopes.GetValueOrDefault(name);

    /// <summary>One more call or bulk exchange runs. False: the server takes no more. <see cref="Leave"/> must follow on true.</summary>
    public bool TryEnter()
    {
        lock (_gate)
        {
            if (_isDraining)
                return false;
            _running++;
            return true;
        }
    }

    public void Leave()
    {
        lock (_gate)
        {
            if (--_running == 0)
                _drained?.TrySetResult();
        }
    }

    /// <summary>Takes nothing more; ends when nothing runs, at the latest after <paramref name="limit"/>.</summary>
    public async Task DrainAsync(TimeSpan limit)
    {
        try
        {
            await NothingRunsAsync().WaitAsync(limit, options.Time);
        }
        catch (TimeoutException)
        {
            Log.DrainExpired(Volatile.Read(ref _running));
        }

        _stopping.Cancel();
    }

    private async Task NothingRunsAsync()
    {
        Task drained;
        lock (_gate)
        {
            _isDraining = true;
            _drained ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            if (_running == 0)
                _drained.TrySetResult();
            drained = _drained.Task;
        }

        await drained;
    }

    /// <summary>A reply's head: epoch and trust as of this moment.</summary>
    public ReplyFrame Reply(ServerSession session, CallSequence sequence, ReplyStatus status, AbortCode abort = default) =>
        new(sequence, status, abort, session.Scope.Owner.Epoch, session.Scope.Owner.Trust(session.Id));

    /// <summary>Replies up to here were seen.</summary>
    public void Forget(ServerSession session, CallSequence through)
    {
        if (session.Incoming.Forget(through))
            session.Scope.Replies.Forget(session.Id, through);
    }

    private static Dictionary<string, ServedScope> Serve(RpcServerOptions options, PeerWarnings warnings)
    {
        var memory = new CallMemory(options.Limits);
        return options.Scopes.ToDictionary(static scope => scope.Name, scope => new ServedScope(scope, options, memory, warnings), StringComparer.Ordinal);
    }
}

/// <summary>A scope while it is served: its owner's part, and the sessions of it that are in memory.</summary>
internal sealed class ServedScope
{
    private readonly RpcScope _scope;

    public ServedScope(RpcScope scope, RpcServerOptions options, CallMemory memory, PeerWarnings warnings)
    {
        _scope = scope;
        Sessions = new SessionTable(this, memory, options.Limits, options.Time);
        Runner = new CallRunner(scope.Dispatcher, options.Statistics, new HandlerFailures(options.Log, warnings));
    }

    public string Name => _scope.Name;

    public IServerSessions Owner => _scope.Sessions;

    public IReplyStore Replies => _scope.Replies;

    public IBulkHandler? Bulk => _scope.Bulk;

    public SessionTable Sessions { get; }

    public CallRunner Runner { get; }
}

/// <summary>One upload: it is one of the session's mutations, so a repeated one waits for the first, or gets its reply.</summary>
internal sealed class ServerUpload(RpcConnection connection, ServerSession session, ServerParts parts, IBulkHandler handler, BulkWatch watch)
{
    private const string Name = "BulkUpload";
    private const int MaxReplyBytes = FrameLimits.BulkBytes - 1 - ReplyFrame.Bytes;

    private bool _isCompleting;

    public async ValueTask RunAsync(ReceivedFrame frame)
    {
        BulkUploadFrame upload = BulkUploadFrame.Read(frame.Content.Span);
        session.Hear(upload.Sequence);
        parts.Forget(session, upload.SeenThrough);
        ReadOnlyMemory<byte> message = frame.Content[BulkUploadFrame.Bytes..];
        var digest = RequestDigest.Of(RequestDigest.UploadOperation, message.Span);
        while (true)
        {
            switch (session.Incoming.Admit(upload.Sequence, digest, isMutation: true, requestBytes: 0, out IncomingCall? call))
            {
                case Admission.Run:
                    await RunOnceAsync(upload, digest, message);
                    return;
                case Admission.Replay:
                    await ReplyAsync(upload, call!.Result, call.Reply);
                    return;
                case Admission.Running:
                    await BulkPatience.WaitAsync(Ended(call!), connection, watch, parts.Options);
                    break;
                case Admission.Busy:
                    await connection.SendDirectAsync(parts.Reply(session, upload.Sequence, ReplyStatus.Busy));
                    return;
                default:
                    throw new IOException("nobody waits for this upload any more");
            }
        }
    }

    private async ValueTask<bool> Ended(IncomingCall call)
    {
        await session.Incoming.WhenEnded(call);
        return true;
    }

    private async ValueTask RunOnceAsync(BulkUploadFrame upload, RequestDigest digest, ReadOnlyMemory<byte> message)
    {
        DispatchResult result;
        ReadOnlyMemory<byte> reply;
        try
        {
            (result, reply) = await CommittedAsync(upload, digest) ?? await ReceiveAsync(upload, message);
        }
        catch (Exception e)
        {
            if (!_isCompleting)
            {
                // Nothing was completed, so nothing was executed: the same upload may come again.
                session.Incoming.Abandon(upload.Sequence);
                throw;
            }

            parts.Failures.Tell(Name, connection, e);
            (result, reply) = (new DispatchResult(OutcomeKind.Unknown, AbortCode.None), default);
        }

        session.Incoming.Finish(upload.Sequence, result, reply.Span, remember: true);
        await ReplyAsync(upload, result, reply);
    }

    /// <exception cref="MalformedMessageException">What was committed by this number was another request.</exception>
    private async ValueTask<(DispatchResult, ReadOnlyMemory<byte>)?> CommittedAsync(BulkUploadFrame upload, RequestDigest digest)
    {
        if (!upload.IsRetry || await session.Scope.Replies.FindAsync(Id(upload)) is not { } stored)
            return null;
        stored.Request.Require(digest, upload.Sequence);
        return (new DispatchResult(stored.Abort == AbortCode.None ? OutcomeKind.Replied : OutcomeKind.Aborted, stored.Abort), stored.Body);
    }

    private async ValueTask<(DispatchResult Result, ReadOnlyMemory<byte> Reply)> ReceiveAsync(BulkUploadFrame upload, ReadOnlyMemory<byte> message)
    {
        var request = new BulkRequest(message, new CallContext
        {
            Deadline = Deadlines.FromWireMs(upload.DeadlineMs),
            Caller = upload.Caller,
            Cancellation = connection.Ended,
            Id = Id(upload),
            Peer = connection.Peer,
            Host = connection.Host,
        });
        Outcome<IBulkSink> opened = await BulkPatience.WaitAsync(handler.OpenSinkAsync(request, upload.LengthBytes), connection, watch, parts.Options);
        if (!opened.IsReply)
            return (new DispatchResult(opened.Kind, opened.Abort), default);

        await using IBulkSink sink = opened.Value;
        await connection.SendDirectAsync(new BulkStartFrame(upload.LengthBytes));
        await BulkReceiver.ReceiveAsync(connection, watch, upload.LengthBytes, sink.WriteAsync, parts.Options.Statistics);
        _isCompleting = true;
        Outcome<ReadOnlyMemory<byte>> outcome = await BulkPatience.WaitAsync(sink.CompleteAsync(parts.Stopping), connection, watch, parts.Options);
        if (outcome.IsReply && outcome.Value.Length > MaxReplyBytes)
            throw new InvalidOperationException($"The reply has {outcome.Value.Length} bytes, a frame holds {MaxReplyBytes}.");
        return (new DispatchResult(outcome.Kind, outcome.Abort), outcome.IsReply ? outcome.Value : default);
    }

    private CallId Id(BulkUploadFrame upload) => new(session.Client, session.Id, upload.Sequence);

    private ValueTask ReplyAsync(BulkUploadFrame upload, DispatchResult result, ReadOnlyMemory<byte> reply) =>
        connection.SendDirectAsync(parts.Reply(session, upload.Sequence, (ReplyStatus)result.Kind, result.Abort), reply);
}

/// <summary>Lets the service take its time, while the client sees that its server is alive.</summary>
internal static class BulkPatience
{
    /// <summary>Waits for the service, and sends a Pong every so often meanwhile. Nothing else may be sent on the connection.</summary>
    public static async ValueTask<T> WaitAsync<T>(ValueTask<T> work, RpcConnection connection, BulkWatch watch, RpcServerOptions options)
    {
        if (work.IsCompleted)
            return await work;
        Task<T> task = work.AsTask();
        while (true)
        {
            try
            {
                T result = await task.WaitAsync(options.Timings.KeepAlive, options.Time);
                watch.Moved();
                return result;
            }
            catch (TimeoutException) when (!task.IsCompleted)
            {
                watch.Moved();
                if (connection.EndReason is null)
                    await PongAsync(connection);
            }
        }
    }

    /// <summary>What the service does isn't given up because its client is gone: its result is remembered.</summary>
    private static async ValueTask PongAsync(RpcConnection connection)
    {
        try
        {
            await connection.SendDirectAsync(default(PongFrame));
        }
        catch (IOException e)
        {
            connection.Break(e.Message);
        }
    }
}
