using Afs.Rpc;

namespace Afs.Shared.Tests.Rpc;

/// <summary>Work that nobody awaits: what it throws is told, and what must go on goes on.</summary>
public sealed class BackgroundWorkTests : IDisposable
{
    private readonly Action<string, Exception> _before = BackgroundWork.WhenFailed;
    private readonly List<string> _failed = [];

    public BackgroundWorkTests() => BackgroundWork.WhenFailed = (name, e) =>
    {
        lock (_failed)
            _failed.Add($"{name}: {e.Message}");
    };

    public void Dispose() => BackgroundWork.WhenFailed = _before;

    [Fact]
    public async Task WhatWorkThrowsIsTold_AtOnceOrLater_AndWhatEndsWellIsNot()
    {
        var later = new TaskCompletionSource();
        BackgroundWork.Start("at once", () => throw new IOException("one"));
        BackgroundWork.Start("later", async () =>
        {
            await later.Task;
            throw new IOException("two");
        });
        BackgroundWork.Start("well", () => later.Task);
        BackgroundWork.Start("cancelled", () => Task.FromCanceled(new CancellationToken(canceled: true)));
        Assert.Equal(["at once: one"], _failed);
        later.SetResult();
        await Eventually.BecomesTrueAsync(() => Count() == 2);
        Assert.Equal("later: two", _failed[1]);
    }

    [Fact]
    public async Task WhatMayFailTellsTheOneWhoAsked()
    {
        var told = new TaskCompletionSource<string>();
        BackgroundWork.Start("it", () => Task.FromException(new IOException("three")), (name, e) => told.SetResult($"{name}: {e.Message}"));
        Assert.Equal("it: three", await told.Task);
        Assert.Equal(0, Count());
    }

    /// <summary>Whatever an accept throws, the next one is tried.</summary>
    [Fact]
    public void AcceptingGoesOnAfterAnythingThatAnAcceptThrows()
    {
        var world = new VirtualWorld();
        world.Run(
            async () =>
            {
                var network = new MemoryNetwork(world.Time, new Random(1)) { Options = new MemoryNetworkOptions() };
                var server = new RpcEndpoint.Memory("server");
                await using var cell = new Cell(new StumblingTransport(network.TransportOf("server")), world.Time, seed: 1);
                await cell.StartServerAsync(server);
                (_, CounterServiceClient stub, _) = cell.AddClient(network.TransportOf("client"), server);
                Assert.True((await stub.ReadAsync(new NumberMessage(1), new CallContext { Deadline = TimeSpan.FromMinutes(10) })).IsReply);
            },
            TimeSpan.FromHours(1));
    }

    private int Count()
    {
        lock (_failed)
            return _failed.Count;
    }

    /// <summary>Its first accepts throw what nobody expects.</summary>
    private sealed class StumblingTransport(ITransport inner) : ITransport
    {
        public ValueTask<IFrameConnection> ConnectAsync(RpcEndpoint endpoint, CancellationToken cancellation) => inner.ConnectAsync(endpoint, cancellation);

        public async ValueTask<IFrameListener> ListenAsync(RpcEndpoint endpoint, CancellationToken cancellation) =>
            new Listener(await inner.ListenAsync(endpoint, cancellation));

        private sealed class Listener(IFrameListener inner) : IFrameListener
        {
            private readonly Queue<Exception> _failures = new([new InvalidOperationException("on purpose"), new OperationCanceledException("by nobody"), new IOException("no descriptor")]);

            public RpcEndpoint Endpoint => inner.Endpoint;

            public ValueTask<IFrameConnection> AcceptAsync() => _failures.TryDequeue(out Exception? failure) ? throw failure : inner.AcceptAsync();

            public ValueTask DisposeAsync() => inner.DisposeAsync();
        }
    }
}
