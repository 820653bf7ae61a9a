using Afs.Rpc;

namespace Afs.Shared.Tests.Rpc;

/// <summary>A transport around another, in which sending to a peer may get stuck, as when its receive window is full.</summary>
internal sealed class StuckTransport(TimeProvider time)
{
    private readonly HashSet<string> _stuck = [];

    public void Stick(string peer) => _stuck.Add(peer);

    public ITransport Around(ITransport inner) => new Transport(this, inner);

    private sealed class Transport(StuckTransport owner, ITransport inner) : ITransport
    {
        public async ValueTask<IFrameConnection> ConnectAsync(RpcEndpoint endpoint, CancellationToken cancellation) =>
            new Connection(owner, await inner.ConnectAsync(endpoint, cancellation));

        public async ValueTask<IFrameListener> ListenAsync(RpcEndpoint endpoint, CancellationToken cancellation) =>
            new Listener(owner, await inner.ListenAsync(endpoint, cancellation));
    }

    private sealed class Listener(StuckTransport owner, IFrameListener inner) : IFrameListener
    {
        public RpcEndpoint Endpoint => inner.Endpoint;

        public async ValueTask<IFrameConnection> AcceptAsync() => new Connection(owner, await inner.AcceptAsync());

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }

    private sealed class Connection(StuckTransport owner, IFrameConnection inner) : IFrameConnection
    {
        private readonly CancellationTokenSource _aborted = new();

        public string Peer => inner.Peer;

        public bool IsReliable => inner.IsReliable;

        public ValueTask EstablishAsync(CancellationToken cancellation) => inner.EstablishAsync(cancellation);

        public async ValueTask SendAsync(ReadOnlyMemory<byte> frames)
        {
            if (owner._stuck.Contains(Peer))
                await StuckAsync();
            await inner.SendAsync(frames);
        }

        public ValueTask<ReceivedFrame> ReceiveAsync(int maxBytes, ArrivalRoom? room = null) => inner.ReceiveAsync(maxBytes);

        public void Abort()
        {
            _aborted.Cancel();
            inner.Abort();
        }

        public ValueTask DisposeAsync() => inner.DisposeAsync();

        private async Task StuckAsync()
        {
            try
            {
                await Task.Delay(TimeSpan.FromDays(1), owner.Time, _aborted.Token);
            }
            catch (OperationCanceledException)
            {
                throw new IOException("the connection was closed");
            }
        }
    }

    private TimeProvider Time => time;
}
