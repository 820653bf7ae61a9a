using Afs.Rpc;

namespace Afs.Shared.Tests.Rpc;

/// <summary>
/// A counter behind a network that loses, doubles and reorders frames and breaks connections, and a server that crashes: every increment
/// is executed exactly once, since the clients have time. Virtual time, one thread; the seed repeats a run.
/// </summary>
public sealed class AtMostOnceTests
{
    private const int CallsPerClient = 40;
    private static readonly RpcEndpoint Server = new RpcEndpoint.Memory("server");
    private static readonly CallContext Patient = new() { Deadline = TimeSpan.FromHours(2) };
    private static readonly TimeSpan Limit = TimeSpan.FromHours(3);

    public static TheoryData<int> SeedBatches => [.. Enumerable.Range(0, 20)];

    [Theory]
    [MemberData(nameof(SeedBatches))]
    public void EveryIncrementRunsOnceOverALossyNetwork(int batch)
    {
        for (int seed = batch * 10; seed < (batch + 1) * 10; seed++)
            Run(seed, crashes: 0);
    }

    [Theory]
    [MemberData(nameof(SeedBatches))]
    public void EveryIncrementRunsOnceOverServerCrashes(int batch)
    {
        for (int seed = 1000 + (batch * 10); seed < 1000 + ((batch + 1) * 10); seed++)
            Run(seed, crashes: 5);
    }

    [Fact]
    public void ASeedRepeatsItsRun()
    {
        Assert.Equal(Run(4711, crashes: 3), Run(4711, crashes: 3));
        Assert.NotEqual(Run(4711, crashes: 3), Run(4712, crashes: 3));
    }

    private static long Run(int seed, int crashes)
    {
        var world = new VirtualWorld();
        try
        {
            world.Run(() => StoryAsync(world, seed, crashes), Limit);
            return world.Steps;
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"Seed {seed} failed.", e);
        }
    }

    private static async Task StoryAsync(VirtualWorld world, int seed, int crashes)
    {
        var random = new Random(seed);
        var network = new MemoryNetwork(world.Time, new Random(seed + 1))
        {
            Options = new MemoryNetworkOptions
            {
                DropProbability = random.NextDouble() * 0.3,
                DuplicateProbability = random.NextDouble() * 0.3,
                Reorders = random.Next(2) == 0,
                MaxDelay = TimeSpan.FromMilliseconds(random.Next(2, 2000)),
                BreakProbability = random.NextDouble() * 0.01,
            },
        };
        await using var cell = new Cell(network.TransportOf("server"), world.Time, seed) { Pause = TimeSpan.FromMilliseconds(random.Next(0, 200)) };
        await cell.StartServerAsync(Server);
        var work = new List<Task>();
        for (int client = 0; client < 3; client++)
        {
            (_, CounterServiceClient stub, _) = cell.AddClient(network.TransportOf($"client{client}"), Server);
            for (int call = 0; call < CallsPerClient; call++)
                work.Add(IncrementAsync(stub, (client * CallsPerClient) + call));
        }

        for (int crash = 0; crash < crashes; crash++)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(1, 4000)), world.Time, CancellationToken.None);
            await CrashAsync(cell, network, random);
        }

        await Task.WhenAll(work);
        Assert.Equal(3 * CallsPerClient, cell.Store.Executions.Count);
        Assert.All(cell.Store.Executions, pair => Assert.Equal(1, pair.Value));
    }

    private static async Task IncrementAsync(CounterServiceClient stub, long value)
    {
        Outcome<NumberMessage> outcome = await stub.IncrementAsync(new NumberMessage(value), Patient);
        Assert.Equal(OutcomeKind.Replied, outcome.Kind);
    }

    /// <summary>What runs at the crash may still commit: as a process that dies between its commit and its reply.</summary>
    private static async Task CrashAsync(Cell cell, MemoryNetwork network, Random random)
    {
        network.Crash("server", tellPeers: random.Next(2) == 0);
        RpcServer old = cell.Server;
        await old.StopAsync(TimeSpan.FromSeconds(1));
        cell.Store.Epoch++;
        await cell.StartServerAsync(Server);
    }
}
