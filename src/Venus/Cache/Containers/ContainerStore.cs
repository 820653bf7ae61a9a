using System.Diagnostics;
using Afs.Platform;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Cache;

/// <summary>
/// The containers of a cache folder, of all volumes: which there are and what the index says of them, which of them may go, how much room they take, and who must be stored. It knows no server:
/// what a container's content is worth, its volume decides (<see cref="VolumeContents"/>).
/// </summary>
internal sealed class ContainerStore
{
    private readonly CacheStorage _storage;
    private readonly ILogger _log;

    public ContainerStore(CacheStorage storage, CacheLimits limits, TimeProvider time, Random random, ILogger log)
    {
        (_storage, _log) = (storage, log);
        Turns = new TransferTurns(limits);
        Dirty = new DirtyContainers(time, random);
        Table = new ContainerTable(storage.Files, storage.Index);
        Seals = new ContainerSeals(Table, storage.Files, Dirty, storage.Work);
        Factory = new ContainerFactory(Table, storage.Files, storage.Index, storage.BootId);
        Room = new CacheRoom(Table, Seals, storage.Files, limits, Counts, storage.Work, time);
        Closed = new ClosedContainers(Table, storage.Work, log);
        Held = new HeldContainers(storage.Held, Table, Factory);
        HashKey = new BlockHashKey(random);
        Scanner = new BlockScanner(HashKey);
        Blocks = new BlockKeeper(HashKey, Scanner, storage.Work);
    }

    public IDisk Disk => _storage.Disk;

    public IContainerFiles Files => _storage.Files;

    public IContainerIndex Index => _storage.Index;

    public IBlockingWork Work => _storage.Work;

    /// <summary>Counts of what is done for no volume in particular.</summary>
    public CacheFigures Counts { get; } = new();

    public TransferTurns Turns { get; }

    public DirtyContainers Dirty { get; }

    public ContainerTable Table { get; }

    public ContainerSeals Seals { get; }

    public ContainerFactory Factory { get; }

    public CacheRoom Room { get; }

    public ClosedContainers Closed { get; }

    /// <summary>What the kernel has open since before this daemon.</summary>
    public HeldContainers Held { get; }

    public BlockHashKey HashKey { get; }

    public BlockScanner Scanner { get; }

    public BlockKeeper Blocks { get; }

    /// <summary>After the end: the index knows all, so the next start needn't check the containers.</summary>
    public bool IsIndexWhole { get; private set; }

    /// <summary>What the last daemon left. Once, before anything else.</summary>
    public void Load() => new IndexLoader(Files, Index, Table, Factory, Held, _storage.WasCleanEnd, _log).Load();

    public IReadOnlyList<Figure> ReadFigures() =>
    [
        .. Counts.Read(),
        new Figure { Name = "containers", Value = Table.Count },
        new Figure { Name = "containers.bytes", Value = Table.TotalBytes },
        new Figure { Name = "containers.dirty", Value = Table.Snapshot().Count(static c => c.IsUnstored || c.HasWriters) },
        new Figure { Name = "containers.half.written", Value = Table.Snapshot().Count(static c => c.HasWriters && !c.IsRemovedHere) },
        new Figure { Name = "index.unwritten", Value = Index.UnwrittenCount },
        new Figure { Name = "stores.waiting", Value = Dirty.FailedCount },
    ];

    /// <summary>INVARIANT: what was changed and closed somebody will store.</summary>
    public void CheckInvariants()
    {
        Table.CheckInvariants();
        Dirty.CheckInvariants();
        Room.CheckInvariants();
        foreach (Container container in Table.Snapshot().Where(static c => c.Phase == ContainerPhase.Dirty && !c.NeedsRecovery && !c.IsRemovedHere))
        {
            if (!Dirty.Knows(container))
                throw new UnreachableException($"Container {container.Id} of {container.Fid} is dirty, and nobody will store it.");
        }
    }

    /// <summary>Completes when the index knows all that it can be told. Nothing may use a container any more.</summary>
    /// <param name="isLeaving">What nobody can write to is sealed, so that the next start needn't look at it.</param>
    public async Task EndAsync(bool isLeaving)
    {
        await Closed.EndAsync();
        if (isLeaving)
            await Seals.TrySealAllAsync();
        try
        {
            await Index.FlushAsync();
            IsIndexWhole = true;
        }
        catch (DiskException)
        {
            // The index says so itself; what it didn't learn the next start finds out from the files.
        }
        await Index.DisposeAsync();
    }
}
