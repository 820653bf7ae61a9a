using Afs.Rpc;
using Afs.Wire;

namespace Afs.Bench.Vice.Clients;

/// <summary>
/// Many clients of one server, each with a connection, a session and a lease of its own, which is kept up by probes three times in a lease as Venus does.
/// Owns them: disposing it ends them all.
/// </summary>
internal sealed class ClientFleet : IAsyncDisposable
{
    private const int ConnectingAtOnce = 64;
    private const int ProbingAtOnce = 64;

    private readonly LoadClient[] _clients;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _probing;

    private ClientFleet(LoadClient[] clients, TimeSpan lease)
    {
        _clients = clients;
        _probing = ProbeAsync(lease / 3);
    }

    public IReadOnlyList<LoadClient> All => _clients;

    public static async Task<ClientFleet> ConnectAsync(RpcEndpoint server, int count, TimeSpan lease, CancellationToken cancellation)
    {
        var clients = new LoadClient[count];
        for (int i = 0; i < count; i++)
            clients[i] = new LoadClient(server);
        var fleet = new ClientFleet(clients, lease);
        var limit = new ParallelOptions { MaxDegreeOfParallelism = ConnectingAtOnce, CancellationToken = cancellation };
        await Parallel.ForEachAsync(clients, limit, static async (client, stop) => await client.ConnectAsync(stop));
        return fleet;
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _probing;
        await Parallel.ForEachAsync(_clients, async (client, _) => await client.DisposeAsync());
        _stopping.Dispose();
    }

    private async Task ProbeAsync(TimeSpan period)
    {
        using var timer = new PeriodicTimer(period);
        var limit = new ParallelOptions { MaxDegreeOfParallelism = ProbingAtOnce, CancellationToken = _stopping.Token };
        try
        {
            while (await timer.WaitForNextTickAsync(_stopping.Token))
            {
                await Parallel.ForEachAsync(
                    _clients.Where(static client => client.IsConnected), limit,
                    static async (client, stop) => await client.Vice.ProbeAsync(new ProbeRequest(), new CallContext { Cancellation = stop }));
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
        }
    }
}
