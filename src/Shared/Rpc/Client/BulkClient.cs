namespace Afs.Rpc;

/// <summary>
/// Bulk exchanges over the pool's connections. One that fails is tried again after a back-off until its deadline: a download as long as
/// no byte was written, an upload always, under the same call id.
/// </summary>
internal sealed class BulkClient(RpcClientOptions options, OutgoingCalls calls, ClientLink link, Random random) : IBulkChannel, IAsyncDisposable
{
    private readonly BulkPool _pool = new(options);

    public async ValueTask<Outcome<long>> DownloadAsync(
        ReadOnlyMemory<byte> request, Func<long, ReadOnlyMemory<byte>, CancellationToken, ValueTask> write, CallContext context)
    {
        long deadline = options.Time.After(context.Deadline ?? options.Timings.DefaultDeadline);
        using var limit = new BulkDeadline(options.Time, deadline, context.Cancellation, link.Stopping);
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
            Outcome<long>? outcome = await TryAsync(session, fault, limit.Token, connection => connection.DownloadAsync(request, deadline, Write, limit.Token));
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
        using var limit = new BulkDeadline(options.Time, deadline, context.Cancellation, link.Stopping);
        if (await calls.BeginUploadAsync(deadline, limit.Token) is not { } call)
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
                Outcome<ReadOnlyMemory<byte>>? outcome = await TryAsync(session, fault, limit.Token, connection =>
                {
                    var upload = new BulkUploadFrame(call.Sequence, seenThrough, wasSent, options.Time.ToWireMs(deadline), lengthBytes);
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
    private async ValueTask<Outcome<T>?> TryAsync<T>(SessionId session, CallerFault fault, CancellationToken cancellation, Func<ClientBulkConnection, ValueTask<Outcome<T>?>> exchange)
    {
        ClientBulkConnection connection;
        try
        {
            connection = await _pool.RentAsync(session, cancellation);
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
