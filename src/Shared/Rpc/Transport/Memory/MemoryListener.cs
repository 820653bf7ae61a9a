namespace Afs.Rpc;

/// <summary>Accepts connections at one host of a <see cref="MemoryNetwork"/>.</summary>
internal sealed class MemoryListener(MemoryNetwork network, string host, RpcEndpoint endpoint) : IFrameListener
{
    private readonly Lock _gate = new();
    private readonly Queue<MemoryConnection> _offered = new();
    private TaskCompletionSource<IFrameConnection>? _accepting;
    private bool _isClosed;

    public string Host => host;

    public RpcEndpoint Endpoint => endpoint;

    public ValueTask<IFrameConnection> AcceptAsync()
    {
        lock (_gate)
        {
            if (_isClosed)
                throw new OperationCanceledException("The listener was closed.");
            if (_offered.TryDequeue(out MemoryConnection? connection))
                return new ValueTask<IFrameConnection>(connection);
            _accepting = new TaskCompletionSource<IFrameConnection>(TaskCreationOptions.RunContinuationsAsynchronously);
            return new ValueTask<IFrameConnection>(_accepting.Task);
        }
    }

    public void Offer(MemoryConnection connection)
    {
        TaskCompletionSource<IFrameConnection>? accepting;
        lock (_gate)
        {
            if (_isClosed)
            {
                connection.Abort();
                return;
            }

            (accepting, _accepting) = (_accepting, null);
            if (accepting is null)
                _offered.Enqueue(connection);
        }

        accepting?.SetResult(connection);
    }

    public void Close()
    {
        TaskCompletionSource<IFrameConnection>? accepting;
        lock (_gate)
        {
            _isClosed = true;
            (accepting, _accepting) = (_accepting, null);
        }

        accepting?.SetException(new OperationCanceledException("The listener was closed."));
    }

    public ValueTask DisposeAsync()
    {
        network.Unlisten(this);
        Close();
        return default;
    }
}
