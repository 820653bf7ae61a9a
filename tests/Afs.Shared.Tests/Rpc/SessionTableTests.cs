using Afs.Rpc;

namespace Afs.Shared.Tests.Rpc;

/// <summary>Which sessions stay in memory.</summary>
public sealed class SessionTableTests
{
    private static readonly ClientId Client = new(1, 1);

    [Fact]
    public async Task IdleSessionsGoAndComeBackFromTheStore()
    {
        var table = Make(new RpcLimits { Sessions = 16 });
        ServerSession held = (await table.CreateAsync(Client, "host", CancellationToken.None))!;
        ServerSession idle = (await table.CreateAsync(Client, "host", CancellationToken.None))!;
        table.Release(idle);
        for (int i = 0; i < 100; i++)
            table.Release((await table.CreateAsync(Client, "host", CancellationToken.None))!);
        Assert.InRange(table.Count, 1, 16);
        Assert.Same(held, table.Find(held.Id, Client, "host"));
        ServerSession? back = table.Find(idle.Id, Client, "host");
        Assert.NotNull(back);
        Assert.NotSame(idle, back);
    }

    [Fact]
    public async Task ASessionIsItsClientsOnly()
    {
        var table = Make(new RpcLimits());
        ServerSession session = (await table.CreateAsync(Client, "host", CancellationToken.None))!;
        Assert.Null(table.Find(session.Id, new ClientId(1, 2), "host"));
        Assert.Null(table.Find(new SessionId(999), Client, "host"));
    }

    private static SessionTable Make(RpcLimits limits)
    {
        var time = new VirtualTimeProvider();
        var store = new DurableStore();
        var scope = new RpcScope { Name = "", Dispatcher = NoDispatcher.Instance, Sessions = new RecordingSessions(store), Replies = store };
        var options = new RpcServerOptions { Transport = new SocketTransport(), Endpoints = [], Scopes = [scope], SessionKey = new byte[32], Time = time, Random = new Random(1), Limits = limits };
        return new ServedScope(scope, options, new CallMemory(limits), new PeerWarnings(time)).Sessions;
    }
}
