using Afs.Platform;
using Afs.Rpc;
using Afs.Venus.Cache;
using Afs.Venus.Servers;
using Afs.Wire;

namespace Afs.Simulation;

/// <summary>The machine of a client: its cache directory outlives its lives.</summary>
internal sealed class SimClient
{
    /// <summary>As ext4 has them on a kernel of today, on one before 6.13, and with small inodes.</summary>
    private static readonly long[] TicksNs = [0, 4_000_000, 1_000_000_000];

    private static readonly TimeSpan MountPause = TimeSpan.FromMilliseconds(500);

    private readonly SimCell _cell;
    private readonly Random _random;
    private readonly ClockError _clock;
    private readonly SimIndexDisk _index = new();
    private readonly SimSavedVnodes _saved = new();
    private readonly CacheLimits _limits;
    private int _boots = 1;
    private bool _wasCleanEnd = true;
    private SimMount? _mount;

    public SimClient(SimCell cell, int number, Random random)
    {
        (_cell, Number, _random) = (cell, number, random);
        Disk = new SimDisk { TickNs = TicksNs[random.Next(TicksNs.Length)] };
        SimContainerFiles.MakeFolders(Disk);
        _clock = ClockError.Draw(random);
        ServesDisconnected = random.Next(4) == 0;
        IsSlow = random.Next(3) == 0;
        // The small cache has room for one change of the largest file: the old one, the new one, and what is sent.
        int small = cell.Workload.HugeOneIn > 0 ? 3 * WorkloadOptions.HugeBytes : 100_000;
        _limits = new CacheLimits
        {
            ReservedFreeBytes = 1,
            // 64 shards: from one vnode each to all that there are.
            MostVnodes = random.Next(2) == 0 ? 64 : 4096,
            MostBytes = random.Next(2) == 0 ? small : 1 << 30,
            MostDirectoryEntries = random.Next(3) == 0 ? 4 : 4096,
        };
    }

    public int Number { get; }

    /// <summary>Without a lease it goes on with what it had.</summary>
    public bool ServesDisconnected { get; }

    /// <summary>Null: it doesn't write behind.</summary>
    public WriteBehindOptions? Behind { get; init; }

    /// <summary>False is a planted bug.</summary>
    public bool FsyncWaits => _cell.Bugs.Planted != PlantedBug.FsyncNotAwaited;

    /// <summary>It takes its time to acknowledge breaks, now and then.</summary>
    public bool IsSlow { get; set; }

    /// <summary>
    /// The network doubles and reorders what TCP would not. Of a large content the checksum finds it: late for who reads it while it arrives.
    /// </summary>
    public bool GetsDoubledFrames => _cell.DoublesFrames;

    public string Name => $"venus{Number}";

    public SimHost? Host { get; private set; }

    public bool IsUp => Host is { IsDead: false };

    /// <summary>Null: not mounted, or not yet.</summary>
    public CacheManager? Manager => _mount?.Manager;

    /// <summary>No application is in the middle of anything.</summary>
    public bool IsIdle => _mount is { Applications: 0 };

    public SimDisk Disk { get; }

    /// <summary>Commits of the cache's index that failed so far.</summary>
    public long IndexRefusals => _index.Refusals;

    /// <summary>Every commit of the cache's index fails.</summary>
    public bool IsIndexFailing
    {
        set => _index.IsFailing = value;
    }

    /// <summary>Who it is to the server, once it is mounted.</summary>
    public ClientId Id { get; private set; }

    /// <summary>Begins a life, and what runs in it once it is mounted.</summary>
    public SimHost Start(Func<SimMount, Task>? applications)
    {
        var host = new SimHost(_cell.World, Name);
        _cell.Bugs.BeforeClientLife(Disk);
        (Host, _mount) = (host, null);
        host.Tell("starts");
        host.Begin(() => MountAsync(host, applications));
        return host;
    }

    /// <summary>Lets an application of this life do something.</summary>
    public void Act(Func<SimMount, Task> act)
    {
        SimMount mount = _mount ?? throw new InvalidOperationException($"{Name} isn't mounted.");
        mount.Host.Begin(() => act(mount));
    }

    public void Die(bool losesPower, bool tellPeers)
    {
        if (!IsUp)
            return;
        Host!.Tell(losesPower ? "loses power" : "is killed");
        Host.Die();
        _mount = null;
        _wasCleanEnd = false;
        _cell.Network.Crash(Name, tellPeers);
        _cell.Model.ClientDied(Number, losesPower);
        if (!losesPower)
            return;
        _boots++;
        LosePower();
    }

    /// <summary>What the index says was closed and not stored keeps its file, if it had it.</summary>
    private void LosePower()
    {
        _index.LosePower(_random);
        List<ContainerRecord> closed = [.. _index.Rows.Values.Where(row => row.State == ContainerState.Dirty && Disk.Find(ContainerFiles.NameOf(row.Id)) is not null)];
        Disk.LosePower(_random);
        if (closed.Find(row => Disk.Find(ContainerFiles.NameOf(row.Id)) is null) is { } lost)
            _cell.World.Violated($"S7: {Name} has recorded container {lost.Id} of {lost.Fid} as closed and not stored, and its file has no name any more");
        _saved.LosePower(_random);
    }

    private async Task MountAsync(SimHost host, Func<SimMount, Task>? applications)
    {
        var time = new HostClock(host, _clock);
        while (true)
        {
            if (await TryMountAsync(host, time) is { } mount)
            {
                host.Tell(Behind is { } behind ? $"is mounted, writes behind for {behind.MaxAge}" : "is mounted");
                if (applications is not null)
                    await applications(mount);
                return;
            }
            await Task.Delay(MountPause, time);
        }
    }

    private async Task<SimMount?> TryMountAsync(SimHost host, HostClock time)
    {
        var log = new SimLogger(host);
        SimDiskView disk = Disk.For(host, time);
        var random = new Random(_random.Next());
        try
        {
            Id = ClientIdFile.LoadOrMake(disk, random);
        }
        catch (DiskException e)
        {
            host.Tell($"can't be mounted: {e.Message}");
            return null;
        }
        var connection = new ViceConnection(_cell.Bugs.Connection(new ViceConnectionOptions
        {
            Server = SimServer.Endpoint,
            Transport = _cell.Network.TransportOf(Name),
            VolumeName = "root",
            ClientId = Id,
            Time = time,
            Random = new Random(_random.Next()),
            Log = log,
            Timings = SimCell.Timings,
        }, time));
        var busy = new Random(_random.Next());
        IViceServer server = _cell.Bugs.Server(new OtherCalls(connection, vice => new BusyThreads(vice, time, busy)));
        server = new SlowAcknowledger(server, time, new Random(_random.Next()), () => IsSlow);
        var index = new SimContainerIndex(_index, host, time, new Random(_random.Next())) { DropsFailed = _cell.Bugs.DropsFailedIndexChanges };
        var storage = new CacheStorage(disk, new SimContainerFiles(disk, _cell.Bugs.Planted), _cell.Bugs.Index(index), $"boot{_boots}", _wasCleanEnd) { Vnodes = _ => _saved.For(host) };
        var options = new CacheOptions { Limits = _limits, ServesDisconnected = ServesDisconnected, LeastArrivingBytes = Limits.InlineContentBytes, Times = new CallTimes { Call = TimeSpan.FromSeconds(4), Stall = TimeSpan.FromSeconds(4) }, WriteBehind = Behind };
        _wasCleanEnd = false;
        var manager = new CacheManager(options, storage, server, time, random, log, _cell.Bugs.BreakLog());
        Failure failure = await StartAsync(manager);
        if (!failure.IsNone)
        {
            host.Tell($"can't be mounted: {failure}");
            await manager.AbandonAsync();
            return null;
        }
        var kernel = new SimKernel(time, new Random(_random.Next()), _cell.Bugs.Planted != PlantedBug.ReleaseNotAwaited);
        manager.AttachKernel(kernel);
        host.CheckInvariants = () =>
        {
            manager.CheckInvariants();
            connection.CheckInvariants();
            index.CheckInvariants();
        };
        _cell.Model.Mounted(Number, Id);
        var files = new SimDiskView(Disk, host, time) { HasRoom = true };
        var mount = new SimMount(this, host, time, manager, files, _cell.Model) { Trust = connection.Trust, Kernel = kernel };
        if (Behind is not null)
            _cell.Model.Behind.Mounted(Number, new BehindLife(mount));
        return _mount = mount;
    }

    private static async Task<Failure> StartAsync(CacheManager manager)
    {
        try
        {
            return await manager.StartAsync(default);
        }
        catch (DiskException e) when (e.Failure == DiskFailure.NoSpace)
        {
            return FailureKind.CacheFull;
        }
    }
}
