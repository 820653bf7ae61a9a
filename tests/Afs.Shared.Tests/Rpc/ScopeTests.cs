using Afs.Rpc;

namespace Afs.Shared.Tests.Rpc;

/// <summary>One server with two scopes: what belongs to the one says nothing in the other.</summary>
public sealed class ScopeTests
{
    private static readonly CallContext Patient = new() { Deadline = TimeSpan.FromMinutes(1) };

    [Fact]
    public async Task SessionsCallNumbersAndRepliesBelongToAScope()
    {
        var store = new DurableStore();
        var other = new CounterService(store, TimeProvider.System);
        await using var cell = new Cell(new SocketTransport(), TimeProvider.System, seed: 1)
        {
            Others = [new RpcScope { Name = "other", Dispatcher = new CounterServiceDispatcher(other), Sessions = new RecordingSessions(store), Replies = store }],
        };
        await cell.StartServerAsync(RpcEndpoint.Parse("127.0.0.1:0"));
        (_, CounterServiceClient here, _) = cell.AddClient(new SocketTransport(), cell.Server.Endpoints[0]);
        (_, CounterServiceClient there, _) = cell.AddClient(new SocketTransport(), cell.Server.Endpoints[0], "other");
        Assert.True((await here.IncrementAsync(new NumberMessage(1), Patient)).IsReply);
        Assert.True((await there.IncrementAsync(new NumberMessage(1), Patient)).IsReply);
        Assert.True((await there.IncrementAsync(new NumberMessage(1), Patient)).IsReply);

        // Both are session 1, each of its scope, and count their calls from one.
        Assert.Equal((new SessionId(1), new CallSequence(1)), (cell.Service.LastContext.Id.Session, cell.Service.LastContext.Id.Sequence));
        Assert.Equal((new SessionId(1), new CallSequence(2)), (other.LastContext.Id.Session, other.LastContext.Id.Sequence));
        Assert.Equal(1, cell.Store.Executions[1]);
        Assert.Equal(2, store.Executions[1]);
    }

    [Fact]
    public async Task AScopeThatThereIsNotIsRefused()
    {
        await using var cell = new Cell(new SocketTransport(), TimeProvider.System, seed: 1);
        await cell.StartServerAsync(RpcEndpoint.Parse("127.0.0.1:0"));
        (RpcClient client, _, _) = cell.AddClient(new SocketTransport(), cell.Server.Endpoints[0], "none");
        RpcRefusedException refusal = await Assert.ThrowsAsync<RpcRefusedException>(() => client.WaitConnectedAsync(CancellationToken.None));
        Assert.Equal(RefusalReason.ScopeUnknown, refusal.Reason);
    }

    [Fact]
    public async Task TheServerIsToldForWhomACallIs()
    {
        await using var cell = new Cell(new SocketTransport(), TimeProvider.System, seed: 1);
        await cell.StartServerAsync(RpcEndpoint.Parse("127.0.0.1:0"));
        (_, CounterServiceClient stub, _) = cell.AddClient(new SocketTransport(), cell.Server.Endpoints[0]);
        await stub.IncrementAsync(new NumberMessage(1), Patient with { Caller = new CallerNumber(1001) });
        Assert.Equal(new CallerNumber(1001), cell.Service.LastContext.Caller);
        await stub.IncrementAsync(new NumberMessage(1), Patient);
        Assert.Equal(default, cell.Service.LastContext.Caller);
    }
}
