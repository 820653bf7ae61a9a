using Afs.Rpc;
using Afs.Venus.Cache;

namespace Afs.Simulation;

/// <summary>A server, its clients, and the network between them, all in one world.</summary>
internal sealed class SimCell
{
    public static readonly RpcTimings Timings = new()
    {
        Handshake = TimeSpan.FromSeconds(2),
        KeepAlive = TimeSpan.FromSeconds(1),
        Silence = TimeSpan.FromSeconds(3),
        SendStall = TimeSpan.FromSeconds(3),
        BulkProgress = TimeSpan.FromSeconds(4),
        BulkIdle = TimeSpan.FromSeconds(5),
        Reconnect = new BackOff(TimeSpan.FromMilliseconds(50), TimeSpan.FromSeconds(1)),
        Resend = new BackOff(TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(1)),
    };

    private static readonly int[] BehindMs = [0, 20, 200, 1000, 5000, 30_000];

    /// <param name="behind">Whether, and for how long, each client writes behind; null: none does.</param>
    public SimCell(SimWorld world, Random random, int clients, PlantedBug bug, bool isWide = false, Random? behind = null)
    {
        World = world;
        Network = new MemoryNetwork(world.Time, new Random(random.Next()));
        History = new ServerHistory(world);
        Bugs = new BugKit(bug);
        Workload = WorkloadOptions.Draw(random, isWide);
        Model = new Model(world, History);
        Server = new SimServer(this, new Random(random.Next()));
        Clients = [.. Enumerable.Range(1, clients).Select(number => new SimClient(this, number, new Random(random.Next())) { Behind = DrawBehind(behind) })];
    }

    public SimWorld World { get; }

    public MemoryNetwork Network { get; }

    /// <summary>The weather was, or is, such that frames are lost, doubled and reordered within a connection.</summary>
    public bool DoublesFrames { get; set; }

    public ServerHistory History { get; }

    public BugKit Bugs { get; }

    /// <summary>What all applications do in this run.</summary>
    public WorkloadOptions Workload { get; }

    public Model Model { get; }

    public SimServer Server { get; }

    public IReadOnlyList<SimClient> Clients { get; }

    private static WriteBehindOptions? DrawBehind(Random? random) => random is null || random.Next(3) == 0
        ? null
        : new() { MaxAge = TimeSpan.FromMilliseconds(BehindMs[random.Next(BehindMs.Length)]), MaxOperations = random.Next(4) == 0 ? random.Next(1, 20) : 1000 };
}
