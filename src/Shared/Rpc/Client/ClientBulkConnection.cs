namespace Afs.Rpc;

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
    public static async ValueTask<ClientBulkConnection> OpenAsync(SessionId session, RpcClientOptions options, CancellationToken cancellation)
    {
        IFrameConnection transport = await options.Transport.ConnectAsync(options.Server, cancellation);
        var connection = new RpcConnection(transport, options.Time, options.Timings, options.Limits.QueuedSendBytes, options.Statistics);
        try
        {
            using CancellationTokenRegistration registration = cancellation.Register(() => connection.Break("given up"));
            await Handshake.RunAsync(connection, transport, new HelloFrame(ProtocolVersion.Current, ConnectionRole.Bulk, options.ClientId, session), options);
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
        ReadOnlyMemory<byte> request, long deadline, Func<long, ReadOnlyMemory<byte>, CancellationToken, ValueTask> write, CancellationToken cancellation)
    {
        using CancellationTokenRegistration registration = Begin(cancellation);
        await _connection.SendDirectAsync(new BulkDownloadFrame(_options.Time.ToWireMs(deadline)), request);
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
