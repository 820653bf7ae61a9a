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
        if (_options.Bulk is not { } handler)
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
