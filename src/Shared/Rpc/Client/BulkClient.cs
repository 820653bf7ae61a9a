namespace Afs.Rpc;

/// <summary>
/// Bulk exchanges over the pool's connections. One that fails is tried again after a back-off until its deadline, which is put off while bytes move: a download as long as
/// no byte was written, an upload always, under the same call id.
/// </summary>
internal sealed class BulkClient(RpcClientOptions options, OutgoingCalls calls, ClientLink link, Random random) : IBulkChannel, IAsyncDisposable
{
    private readonly BulkPool _pool = new(options);

    public async ValueTask<Outcome<long>> DownloadAsync(
        ReadOnlyMemory<byte> request, Func<long, ReadOnlyMemory<byte>, CancellationToken, ValueTask> write, CallContext context)
    {
        long deadline = options.Time.After(context.Deadline ?? options.Timings.DefaultDeadline);
        using var limit = new BulkDeadline(options.Time, deadline, context.Stall, context.Cancellation, link.Stopping);
        var fault = new CallerFault();
        bool hasWritten = false;
        ValueTask Write(long offset, ReadOnlyMemory<byte> data, CancellationToken cancellation)
        {
            hasWritten = true;
            return fault.GuardAsync(() => write(offset, data, cancellation));
        }

        for (int attempt = 0; !limit.IsOver && !hasWritten; attempt++)
        {
            if (attempt > 0 && !await limit.DelayAsync(BackOff(attempt)))
                break;
            if (await link.WhenSession(limit.Token) is not { } session)
                break;
            Outcome<long>? outcome = await TryAsync(session, fault, limit, connection => connection.DownloadAsync(request, limit.Deadline, context.Caller, Write, limit.Token));
            if (outcome is not null)
                return outcome.Value;
        }

        return hasWritten ? Outcome<long>.Unknown : Outcome<long>.NotExecuted;
    }

    public async ValueTask<Outcome<ReadOnlyMemory<byte>>> UploadAsync(
        ReadOnlyMemory<byte> request, long lengthBytes, Func<long, Memory<byte>, CancellationToken, ValueTask<int>> read, CallContext context)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(lengthBytes);
        long deadline = options.Time.After(context.Deadline ?? options.Timings.DefaultDeadline);
        OutgoingCall? granted = null;
        using var limit = new BulkDeadline(options.Time, deadline, context.Stall, context.Cancellation, link.Stopping) { PutOff = later => calls.PutOff(granted!, later) };
        granted = await calls.BeginUploadAsync(deadline, limit.Token);
        if (granted is not { } call)
            return Outcome<ReadOnlyMemory<byte>>.NotExecuted;
        var fault = new CallerFault();
        ValueTask<int> Read(long offset, Memory<byte> data, CancellationToken cancellation) => fault.GuardAsync(() => read(offset, data, cancellation));
        bool wasSent = false;
        try
        {
            for (int attempt = 0; !limit.IsOver && calls.TryGetSession(call, out SessionId session, out CallSequence seenThrough); attempt++)
            {
                if (attempt > 0 && !await limit.DelayAsync(BackOff(attempt)))
                    break;
                Outcome<ReadOnlyMemory<byte>>? outcome = await TryAsync(session, fault, limit, connection =>
                {
                    var upload = new BulkUploadFrame(call.Sequence, seenThrough, wasSent, options.Time.ToWireMs(limit.Deadline), context.Caller, lengthBytes);
                    wasSent = true;
                    return connection.UploadAsync(upload, request, Read, limit.Token);
                });
                if (outcome is not null)
                    return outcome.Value;
            }

            return wasSent ? Outcome<ReadOnlyMemory<byte>>.Unknown : Outcome<ReadOnlyMemory<byte>>.NotExecuted;
        }
        finally
        {
            calls.EndUpload(call);
        }
    }

    public ValueTask DisposeAsync() => _pool.DisposeAsync();

    /// <summary>One attempt; null: its connection failed. What the caller's own reading or writing throws goes to the caller.</summary>
    private async ValueTask<Outcome<T>?> TryAsync<T>(SessionId session, CallerFault fault, BulkDeadline limit, Func<ClientBulkConnection, ValueTask<Outcome<T>?>> exchange)
    {
        ClientBulkConnection connection;
        try
        {
            connection = await _pool.RentAsync(session, link.Token, limit.Token);
            connection.Follow(limit);
        }
        catch (Exception e) when (e is IOException or MalformedMessageException or OperationCanceledException)
        {
            return null;
        }

        try
        {
            return await exchange(connection);
        }
        catch (Exception e)
        {
            // A caller's operation that was cancelled since the connection ended is no fault of the caller.
            bool isCallers = fault.Is(e) && !(e is OperationCanceledException && !connection.IsUsable);
            bool isConnections = !isCallers && (e is IOException or MalformedMessageException or OperationCanceledException) && e is not EndOfStreamException;
            connection.Break(e.Message);
            if (!isConnections)
                throw;
            return null;
        }
        finally
        {
            await _pool.ReturnAsync(connection);
        }
    }

    private TimeSpan BackOff(int attempt)
    {
        lock (random)
            return options.Timings.Reconnect.Delay(attempt - 1, random);
    }
}

/// <summary>A client's bulk connections: a few at most, kept for the next exchange while they are young and of the current session.</summary>
internal sealed class BulkPool(RpcClientOptions options) : IAsyncDisposable
{
    private readonly SlotQueue _slots = new(options.Limits.BulkConnections);
    private readonly Lock _gate = new();
    private readonly Stack<ClientBulkConnection> _idle = new();
    private bool _isClosed;

    /// <summary>A connection for one exchange; <see cref="ReturnAsync"/> must follow.</summary>
    /// <exception cref="IOException">There is none to be had at the moment.</exception>
    public async ValueTask<ClientBulkConnection> RentAsync(SessionId session, SessionToken token, CancellationToken cancellation)
    {
        await _slots.TakeAsync(cancellation);
        try
        {
            while (TakeIdle() is { } idle)
            {
                if (idle.IsUsable && idle.Session == session)
                    return idle;
                await idle.DisposeAsync();
            }

            return await ClientBulkConnection.OpenAsync(session, token, options, cancellation);
        }
        catch
        {
            _slots.Release();
            throw;
        }
    }

    public async ValueTask ReturnAsync(ClientBulkConnection connection)
    {
        bool isKept;
        lock (_gate)
        {
            isKept = connection.IsUsable && !_isClosed;
            if (isKept)
            {
                connection.Rest();
                _idle.Push(connection);
            }
        }

        if (!isKept)
            await connection.DisposeAsync();
        _slots.Release();
    }

    public async ValueTask DisposeAsync()
    {
        lock (_gate)
            _isClosed = true;
        while (TakeIdle() is { } idle)
            await idle.DisposeAsync();
    }

    private ClientBulkConnection? TakeIdle()
    {
        lock (_gate)
            return _idle.TryPop(out ClientBulkConnection? idle) ? idle : null;
    }
}

/// <summary>A bulk connection at the client. It serves one exchange at a time, and ends with the first that fails.</summary>
internal sealed class ClientBulkConnection : IAsyncDisposable
{
    private readonly IFrameConnection _transport;
    private readonly RpcConnection _connection;
    private readonly BulkWatch _watch;
    private readonly RpcClientOptions _options;

    private ClientBulkConnection(IFrameConnection transport, RpcConnection connection, SessionId session, RpcClientOptions options)
    {
        (_transport, _connection, Session, _options) = (transport, connection, session, options);
        _watch = new BulkWatch(connection, options.Time, options.Timings.BulkIdle);
    }

    public SessionId Session { get; }

    /// <summary>It may serve another exchange.</summary>
    public bool IsUsable => _connection.EndReason is null;

    /// <exception cref="IOException">No connection, or the server refused it.</exception>
    public static async ValueTask<ClientBulkConnection> OpenAsync(SessionId session, SessionToken token, RpcClientOptions options, CancellationToken cancellation)
    {
        IFrameConnection transport = await options.Transport.ConnectAsync(options.Server, cancellation);
        var connection = new RpcConnection(transport, options.Time, options.Timings, options.Limits.QueuedSendBytes, options.Statistics);
        try
        {
            using CancellationTokenRegistration registration = cancellation.Register(() => connection.Break("given up"));
            await Handshake.RunAsync(connection, transport, new HelloFrame(ProtocolVersion.Current, ConnectionRole.Bulk, options.ClientId, session, options.Scope, token), options);
            return new ClientBulkConnection(transport, connection, session, options);
        }
        catch (Exception e)
        {
            connection.Break(e.Message);
            await transport.DisposeAsync();
            throw;
        }
    }

    /// <summary>Null: the connection failed. Any other exception than its own comes from <paramref name="write"/>.</summary>
    public async ValueTask<Outcome<long>?> DownloadAsync(
        ReadOnlyMemory<byte> request, long deadline, CallerNumber caller, Func<long, ReadOnlyMemory<byte>, CancellationToken, ValueTask> write, CancellationToken cancellation)
    {
        using CancellationTokenRegistration registration = Begin(cancellation);
        await _connection.SendDirectAsync(new BulkDownloadFrame(_options.Time.ToWireMs(deadline), caller), request);
        long lengthBytes = 0;
        using (ReceivedFrame first = await ReceiveAsync())
        {
            if (first.Type == FrameType.Reply)
                return Ended(ReplyFrame.Read(first.Content.Span), 0L);
            lengthBytes = Start(first);
        }

        await BulkReceiver.ReceiveAsync(_connection, _watch, lengthBytes, write, _options.Statistics);
        using ReceivedFrame last = await ReceiveAsync();
        return Ended(Reply(last), lengthBytes);
    }

    /// <inheritdoc cref="DownloadAsync"/>
    public async ValueTask<Outcome<ReadOnlyMemory<byte>>?> UploadAsync(
        BulkUploadFrame upload, ReadOnlyMemory<byte> request, Func<long, Memory<byte>, CancellationToken, ValueTask<int>> read, CancellationToken cancellation)
    {
        using CancellationTokenRegistration registration = Begin(cancellation);
        await _connection.SendDirectAsync(upload, request);
        ReceivedFrame answer = await ReceiveAsync();
        if (answer.Type != FrameType.Reply)
        {
            using (answer)
            {
                if (Start(answer) != upload.LengthBytes)
                    throw new MalformedMessageException("Malformed BulkStart frame: it is of another length.");
            }

            var chunks = new ChunkSizes(_options.Limits, _options.Time);
            await BulkSender.SendAsync(_connection, _watch, upload.LengthBytes, chunks, read, _options.Statistics);
            answer = await ReceiveAsync();
        }

        using (answer)
        {
            ReplyFrame reply = Reply(answer);
            ReadOnlyMemory<byte> message = answer.Content[ReplyFrame.Bytes..].ToArray();
            return Ended(reply, message);
        }
    }

    /// <summary>What moves on it puts off the end of the exchange that it serves.</summary>
    public void Follow(BulkDeadline limit) => limit.Follow(_connection);

    public void Break(string reason) => _connection.Break(reason);

    public async ValueTask DisposeAsync()
    {
        _watch.Dispose();
        _connection.Break("closed");
        await _transport.DisposeAsync();
    }

    /// <summary>The exchange is over, or was given up: the idle limit holds.</summary>
    public void Rest() => _watch.Expect(_options.Timings.BulkIdle);

    private CancellationTokenRegistration Begin(CancellationToken cancellation)
    {
        _watch.Expect(_options.Timings.BulkProgress);
        return cancellation.Register(() => _connection.Break("given up"));
    }

    /// <summary>Null: the server was busy, as if the connection had failed.</summary>
    private static Outcome<T>? Ended<T>(ReplyFrame reply, T value) => reply.Status switch
    {
        ReplyStatus.Replied => Outcome<T>.Reply(value),
        ReplyStatus.Aborted => Outcome<T>.Refused(reply.Abort),
        ReplyStatus.NotExecuted => Outcome<T>.NotExecuted,
        ReplyStatus.Unknown => Outcome<T>.Unknown,
        _ => null,
    };

    private static ReplyFrame Reply(ReceivedFrame frame) => frame.Type == FrameType.Reply
        ? ReplyFrame.Read(frame.Content.Span)
        : throw new MalformedMessageException($"Malformed connection: a {frame.Type} frame where a reply belongs.");

    private static long Start(ReceivedFrame frame) => frame.Type == FrameType.BulkStart
        ? BulkStartFrame.Read(frame.Content.Span).LengthBytes
        : throw new MalformedMessageException($"Malformed connection: a {frame.Type} frame where a transfer starts.");

    /// <summary>The next frame that isn't a mere sign of life.</summary>
    private async ValueTask<ReceivedFrame> ReceiveAsync()
    {
        while (true)
        {
            ReceivedFrame frame = await _connection.ReceiveAsync(FrameLimits.BulkBytes);
            _watch.Moved();
            if (frame.IsEnd)
                throw new IOException("the server closed the connection");
            if (frame.Type is not (FrameType.Pong or FrameType.Welcome))
                return frame;
            frame.Dispose();
        }
    }
}

/// <summary>
/// The end of a bulk exchange at the latest: its deadline, its caller's cancellation, or the client's end. As long as bytes move, either way, the deadline is put
/// off: a slow line takes as long as it takes.
/// </summary>
internal sealed class BulkDeadline : IDisposable
{
    /// <summary>Connections of one exchange that may put it off: one that breaks again and again moves bytes, and gets nowhere.</summary>
    private const int MostConnections = 16;

    /// <summary>Looks in the time within which bytes must move.</summary>
    private const int Looks = 4;

    private readonly TimeProvider _time;
    private readonly TimeSpan? _stall;
    private readonly CancellationTokenSource _any;
    private readonly ITimer _ending;
    private readonly ITimer? _looking;
    private readonly Lock _lock = new();
    private RpcConnection? _connection;
    private TransferProgress _moved;
    private int _connections;
    private bool _isEnding, _isDisposed;

    /// <param name="stall">After the last bytes that moved it goes on for so long; null: it ends at its deadline, whatever moves.</param>
    public BulkDeadline(TimeProvider time, long deadline, TimeSpan? stall, CancellationToken caller, CancellationToken stopping)
    {
        (_time, _stall, Deadline) = (time, stall, deadline);
        _any = CancellationTokenSource.CreateLinkedTokenSource(caller, stopping);
        _ending = time.CreateTimer(static state => ((BulkDeadline)state!).End(), this, Deadlines.ForTimer(time.Until(deadline)), Timeout.InfiniteTimeSpan);
        if (stall is { } span)
            _looking = time.CreateTimer(static state => ((BulkDeadline)state!).Look(), this, span / Looks, span / Looks);
    }

    /// <summary>As of now, as a timestamp.</summary>
    public long Deadline { get; private set; }

    /// <summary>Gets each later deadline, from whatever thread.</summary>
    public Action<long>? PutOff { get; init; }

    public CancellationToken Token => _any.Token;

    public bool IsOver => _any.IsCancellationRequested;

    /// <summary>The exchange is tried on this connection from here on.</summary>
    public void Follow(RpcConnection connection)
    {
        lock (_lock)
            (_connection, _moved) = (++_connections <= MostConnections ? connection : null, connection.Progress);
    }

    /// <summary>False: it was over before the delay was.</summary>
    public async ValueTask<bool> DelayAsync(TimeSpan delay)
    {
        try
        {
            await Task.Delay(delay, _time, _any.Token);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    public void Dispose()
    {
        _looking?.Dispose();
        _ending.Dispose();
        lock (_lock)
        {
            _isDisposed = true;
            if (_isEnding)
                return;
        }
        _any.Dispose();
    }

    /// <summary>Whoever comes last, this or the end of the exchange, disposes of the token.</summary>
    private void End()
    {
        lock (_lock)
        {
            if (_isDisposed)
                return;
            _isEnding = true;
        }
        _any.Cancel();
        lock (_lock)
        {
            _isEnding = false;
            if (!_isDisposed)
                return;
        }
        _any.Dispose();
    }

    private void Look()
    {
        long later;
        lock (_lock)
        {
            if (_isDisposed || _connection is not { } connection || connection.Progress is var progress && !progress.HasMovedSince(_moved))
                return;
            _moved = progress;
            later = _time.After(_stall!.Value);
            if (later <= Deadline)
                return;
            Deadline = later;
            _ending.Change(Deadlines.ForTimer(_time.Until(later)), Timeout.InfiniteTimeSpan);
        }
        PutOff?.Invoke(later);
    }
}
