using Afs.Venus.Callbacks;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>Statuses and names of a volume, and whether they may be believed: the promises, their breaks, and what is asked after all of them were lost.</summary>
internal sealed class VolumeStatuses
{
    private readonly UnneededPromises _unneeded = new();
    private readonly StatusFetcher _fetcher;

    public VolumeStatuses(VolumeId volume, VolumeSurroundings around, ISavedVnodes? saved, BreakLog breaks, KernelNotices kernel)
    {
        (CacheLimits limits, ServerTrust trust) = (around.Options.Limits, around.Trust);
        Breaks = breaks;
        Vnodes = new VnodeTable(limits.MostVnodes, limits.MostTargetBytes, breaks, _unneeded.Add);
        CallMark Mark() => new(trust.Mark(), breaks.Sequence);
        _fetcher = new StatusFetcher(Vnodes, Mark, around.Calls);
        Statuses = new Statuses(Vnodes, trust, breaks, _fetcher, around.Time, around.Figures, around.Options.ServesDisconnected);
        var directories = new DirectoryFetcher(around.Calls, Statuses, around.Figures, around.Listings, around.Server.Name, around.Warnings, around.Log);
        Directories = new DirectoryCache(Statuses, directories, limits.MostDirectoryEntries, around.Stopping);
        GiveUps = new GiveUps(_unneeded, Vnodes, trust, breaks, around.Calls);
        Revalidator = new Revalidator(Vnodes, trust, Mark, around.Calls, around.Time, around.Random);
        Saver = new VnodeSaver(saved, Vnodes, Directories, around.Log);
        Callbacks = new BreakReceiver(volume, breaks, Vnodes, trust, kernel, around.Figures, Feed);
    }

    public BreakLog Breaks { get; }

    public VnodeTable Vnodes { get; }

    public Statuses Statuses { get; }

    public DirectoryCache Directories { get; }

    public GiveUps GiveUps { get; }

    public Revalidator Revalidator { get; }

    public VnodeSaver Saver { get; }

    /// <summary>Tells watches what went.</summary>
    public BreakFeed Feed { get; } = new();

    /// <summary>What the server calls.</summary>
    public BreakReceiver Callbacks { get; }

    /// <summary>Forgets all: it is of another incarnation.</summary>
    public void Clear()
    {
        Vnodes.Clear();
        Directories.Clear();
    }

    public void CheckInvariants()
    {
        Vnodes.CheckInvariants();
        Directories.CheckInvariants();
        Breaks.CheckInvariants();
        _unneeded.CheckInvariants();
        _fetcher.CheckInvariants();
    }
}
