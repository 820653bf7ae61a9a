using Afs.Rpc;

namespace Afs.Shared.Tests.Rpc;

/// <summary>Which sessions stay in memory.</summary>
public sealed class SessionTableTests
{
    private static readonly ClientId Client = new(1, 1);

    [Fact]
    public async Task IdleSessionsGoAndComeBackFromTheStore()
    {
        var table = new SessionTable(new DurableStore(), new RpcLimits { Sessions = 16 }, new VirtualTimeProvider());
        ServerSession held = await table.CreateAsync(Client, CancellationToken.None);
        ServerSession idle = await table.CreateAsync(Client, CancellationToken.None);
        table.Release(idle);
        for (int i = 0; i < 100; i++)
            table.Release(await table.CreateAsync(Client, CancellationToken.None));
        Assert.InRange(table.Count, 1, 16);
        Assert.Same(held, table.Find(held.Id, Client));
        ServerSession? back = table.Find(idle.Id, Client);
        Assert.NotNull(back);
        Assert.NotSame(idle, back);
    }

    [Fact]
    public async Task ASessionIsItsClientsOnly()
    {
        var table = new SessionTable(new DurableStore(), new RpcLimits(), new VirtualTimeProvider());
        ServerSession session = await table.CreateAsync(Client, CancellationToken.None);
        Assert.Null(table.Find(session.Id, new ClientId(1, 2)));
        Assert.Null(table.Find(new SessionId(999), Client));
    }
}
