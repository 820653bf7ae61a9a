namespace Afs.Rpc;

/// <summary>A client's bulk connections: a few at most, kept for the next exchange while they are young and of the current session.</summary>
internal sealed class BulkPool(RpcClientOptions options) : IAsyncDisposable
{
    private readonly SlotQueue _slots = new(options.Limits.BulkConnections);
    private readonly Lock _gate = new();
    private readonly Stack<ClientBulkConnection> _idle = new();
    private bool _isClosed;

    /// <summary>A connection for one exchange; <see cref="ReturnAsync"/> must follow.</summary>
    /// <exception cref="IOException">There is none to be had at the moment.</exception>
    public async ValueTask<ClientBulkConnection> RentAsync(SessionId session, CancellationToken cancellation)
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

            return await ClientBulkConnection.OpenAsync(session, options, cancellation);
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
