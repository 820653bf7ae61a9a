namespace Afs.Rpc;

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
            Cancellation = connection.Ended,
            Id = new CallId(session.Client, session.Id, default),
            Peer = connection.Peer,
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
            parts.Log.HandlerFailed(Name, connection.Peer, e);
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
            parts.Log.HandlerFailed(Name, connection.Peer, e);
            throw new IOException("the content could not be read", e);
        }

        await connection.SendDirectAsync(parts.Reply(session, default, ReplyStatus.Replied));
    }
}
