using Afs.Rpc;
using Afs.Vice.Salvage;
using Afs.Vice.Service;
using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Simulation;

/// <summary>The machine of the file server: its disk and its metadata outlive its lives.</summary>
internal sealed class SimServer(SimCell cell, Random random)
{
    public const string Name = "vice";
    public static readonly RpcEndpoint Endpoint = new RpcEndpoint.Memory(Name);

    private static readonly TimeSpan SweepInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan CommitTime = TimeSpan.FromMilliseconds(8);

    private readonly MemoryMetadataStore _metadata = new();
    private readonly ClockError _clock = ClockError.Draw(random);

    public SimDisk Disk { get; } = new();

    public SimHost? Host { get; private set; }

    public bool IsUp => Host is { IsDead: false };

    /// <summary>How long a client trusts its promises.</summary>
    public TimeSpan Lease { get; } = TimeSpan.FromSeconds(random.Next(1, 8));

    /// <summary>Begins a life.</summary>
    public SimHost Start()
    {
        var host = new SimHost(cell.World, Name);
        Host = host;
        host.Tell("starts");
        cell.Bugs.BeforeServerLife(_metadata);
        host.Begin(() => ServeAsync(host));
        return host;
    }

    /// <summary>The life ends where it is. With the power go the disk's unsynced changes.</summary>
    public void Die(bool losesPower, bool tellPeers)
    {
        if (!IsUp)
            return;
        Host!.Tell(losesPower ? "loses power" : "is killed");
        Host.Die();
        cell.Network.Crash(Name, tellPeers);
        if (losesPower)
            Disk.LosePower(random);
    }

    /// <summary>Looks for what a crash left inconsistent.</summary>
    public Task<SalvageReport> SalvageAsync(SimHost host) => new Salvager(_metadata, FileContentStore.Of(Disk.For(host, cell.World.Time))).CheckAsync();

    private async Task ServeAsync(SimHost host)
    {
        var time = new HostClock(host, _clock);
        var log = new SimLogger(host);
        var wakes = new CommitPump(host, time, random, CommitTime);
        IMetadataStore metadata = cell.Bugs.Metadata(new ObservedStore(_metadata, host, cell.History), host);
        var disk = new SimDiskView(Disk, host, time) { IgnoresSync = cell.Bugs.IgnoresServerSync, SyncsInstead = cell.Bugs.ServerSyncsInstead };
        var vice = new ViceServer(DrawOptions(), new ViceParts
        {
            Metadata = metadata,
            Disk = disk,
            OpenContents = room => FileContentStore.Begin(disk, room, DiskThreads.Inline),
            Time = time,
            Random = new Random(random.Next()),
            Disks = DiskThreads.Inline,
            WakeCommitter = wakes.Wake,
            Callbacks = static channel => new VenusCallbacksClient(channel),
            Log = log,
        });
        wakes.Start(vice.Committer);
        ShowRoot();
        var rpc = new RpcServer(new RpcServerOptions
        {
            Transport = cell.Network.TransportOf(Name),
            Endpoints = [Endpoint],
            Scopes = [vice.ToScope("root")],
            SessionKey = new byte[32],
            Time = time,
            Random = new Random(random.Next()),
            Log = log,
            Timings = SimCell.Timings,
        });
        host.CheckInvariants = () =>
        {
            vice.CheckInvariants();
            rpc.CheckInvariants();
        };
        await rpc.StartAsync(default);
        await vice.SweepOrphansAsync(default);
        while (true)
        {
            await Task.Delay(SweepInterval, time);
            await vice.SweepAsync();
        }
    }

    /// <summary>All that is bounded or ends is so small or short that it matters in a run.</summary>
    private ViceOptions DrawOptions() => new()
    {
        Lease = Lease,
        MostPromises = random.Next(6, 40),
        DirectoryLogChanges = random.Next(4, 64),
        ContentLogExtents = random.Next(2, 16),
        SessionPatience = random.Next(3) == 0 ? TimeSpan.FromSeconds(15) : TimeSpan.FromHours(1),
        KeptFor = random.Next(2) == 0 ? TimeSpan.FromSeconds(10) : TimeSpan.FromDays(7),
        MostKept = random.Next(1, 10),
    };

    private void ShowRoot()
    {
        using IMetadataView view = _metadata.OpenView();
        VolumeRecord volume = view.ReadVolumes()[0];
        cell.History.Begin(view.FindVnode(volume.Id, VnodeNumber.Root)!);
    }
}
