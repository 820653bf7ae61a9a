using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Vice.Salvage;

/// <summary>
/// Checks the data of a server that doesn't run: names, links, parents, contents. What can be put right without loss is, on demand;
/// what is nowhere in the tree gets a name in the root directory.
/// </summary>
public sealed class Salvager(IMetadataStore metadata, IContentStore store)
{
    /// <summary>A repair may bring out what another problem hid: a salvaged directory changes the root's link count.</summary>
    private const int MostPasses = 8;

    public async Task<SalvageReport> CheckAsync()
    {
        using IMetadataView view = metadata.OpenView();
        List<Problem> problems = [];
        (long vnodes, long names, long contents) = (0, 0, 0);
        bool hasMore = false;
        IReadOnlyList<VolumeRecord> volumes = view.ReadVolumes();
        foreach (VolumeRecord record in volumes)
        {
            var volume = new VolumeNodes(view, record, problems);
            vnodes += volume.Nodes.Count;
            names += NameCheck.Run(volume);
            CheckRecord(volume);
            LeaseCheck.Run(volume);
            LinkCheck.Run(volume);
            XattrCheck.Run(volume);
            contents += await ContentCheck.RunAsync(volume, store);
            hasMore |= volume.HasMore;
        }
        return new SalvageReport(volumes.Count, vnodes, names, contents, problems, hasMore);
    }

    /// <summary>Repairs what can be. The value is how many problems were put right; <see cref="CheckAsync"/> shows what is left.</summary>
    public async Task<int> RepairAsync(Random random)
    {
        int repaired = 0;
        for (int pass = 0; pass < MostPasses; pass++)
        {
            List<Problem> repairable = [.. (await CheckAsync()).Problems.Where(problem => problem.Repair is not null)];
            if (repairable.Count == 0)
                break;
            using IMetadataTransaction transaction = metadata.BeginTransaction();
            foreach (Problem problem in repairable)
                problem.Repair!(transaction);
            Renew(transaction, random);
            transaction.Commit();
            repaired += repairable.Count;
        }
        return repaired;
    }

    /// <summary>After a restore from a backup: versions that clients know say nothing of what is here.</summary>
    public void Renew(Random random)
    {
        using IMetadataTransaction transaction = metadata.BeginTransaction();
        Renew(transaction, random);
        transaction.Commit();
    }

    /// <summary>
    /// Another incarnation for all volumes: no cache may take what it knows of one for what it has become. Nor may a client go on with a block of numbers, some of which it may have used since
    /// the backup.
    /// </summary>
    private static void Renew(IMetadataTransaction transaction, Random random)
    {
        foreach (VnodeLease lease in transaction.ReadVnodeLeases())
            transaction.DeleteVnodeLease(lease);
        foreach (VolumeRecord volume in transaction.ReadVolumes())
        {
            transaction.PutVolume(volume with
            {
                Incarnation = (ulong)random.NextInt64(1, long.MaxValue),
                Version = new VolumeVersion(volume.Version.Value + 1),
            });
        }
    }

    private static void CheckRecord(VolumeNodes volume)
    {
        VolumeRecord record = volume.Volume;
        if (volume.Root is not { Type: FileType.Directory })
            volume.Report(ProblemKind.NoRoot, $"volume {record.Name}", null);
        foreach ((VnodeNumber vnode, VnodeNode node) in volume.Nodes.Where(static known => known.Value.Type == FileType.None))
            volume.Report(ProblemKind.UnknownType, $"{volume.FidOf(vnode, node)}", null);
        ulong highest = volume.Nodes.Keys.Select(vnode => vnode.Value).DefaultIfEmpty(0ul).Max();
        if (record.Vnodes == (ulong)volume.Nodes.Count && record.LastVnode.Value >= highest)
            return;
        volume.Report(ProblemKind.WrongVolumeFigures, $"volume {record.Name}", transaction =>
        {
            VolumeRecord current = transaction.FindVolume(record.Id)!;
            transaction.PutVolume(current with
            {
                Vnodes = (ulong)volume.Nodes.Count,
                LastVnode = new VnodeNumber(Math.Max(current.LastVnode.Value, highest)),
            });
        });
    }
}

/// <summary>What a salvage looked at and found.</summary>
public sealed record SalvageReport(long Volumes, long Vnodes, long Names, long Contents, IReadOnlyList<Problem> Problems, bool HasMore);

/// <summary>Something that is wrong.</summary>
/// <param name="Where">The fid, name or volume, for the administrator.</param>
/// <param name="Repair">What to do about it in the metadata; null: nothing can be done without loss.</param>
public sealed record Problem(ProblemKind Kind, string Where, Action<Volumes.Metadata.IMetadataTransaction>? Repair)
{
    public override string ToString() => $"{Kind}: {Where}";
}

/// <summary>What can be wrong with a server's data.</summary>
public enum ProblemKind
{
    /// <summary>The database itself, as SQLite sees it.</summary>
    DamagedDatabase,

    /// <summary>A volume without a root directory.</summary>
    NoRoot,

    /// <summary>A volume's count or highest number of vnodes is wrong.</summary>
    WrongVolumeFigures,

    /// <summary>A block of numbers that a client leased makes no sense, or has one that is in use or may be given to others.</summary>
    WrongVnodeLease,

    /// <summary>A vnode's row says a type that there isn't.</summary>
    UnknownType,

    /// <summary>A name stands for a vnode that isn't there.</summary>
    NameWithoutVnode,

    /// <summary>A name is in a directory that isn't there, or isn't one.</summary>
    NameWithoutDirectory,

    /// <summary>A name says another type than its vnode.</summary>
    WrongEntryType,

    /// <summary>No name, and nobody holds it open.</summary>
    Orphan,

    WrongLinkCount,

    /// <summary>A directory says another parent than the one whose name leads to it.</summary>
    WrongParent,

    /// <summary>A directory has more than one name.</summary>
    ManyParents,

    /// <summary>Directories that contain each other, apart from the root.</summary>
    Cycle,

    /// <summary>A status says other xattrs than there are, or another mode than its access list.</summary>
    WrongXattrs,

    /// <summary>An access list isn't one: only the owner can use the vnode, until he sets another.</summary>
    BadAccessList,

    /// <summary>A file's content isn't there.</summary>
    ContentMissing,

    /// <summary>A file's content is there with another length.</summary>
    ContentLength,

    /// <summary>A content belongs to a vnode that isn't there, or that has none.</summary>
    ContentWithoutFile,

    /// <summary>A content's bytes aren't what was stored.</summary>
    ContentChecksum,
}

/// <summary>One volume as salvage sees it: all its vnodes, and the list of what is wrong, which is bounded.</summary>
internal sealed class VolumeNodes
{
    /// <summary>Rows read at once.</summary>
    public const int PageRows = 4096;

    private const int MostProblems = 10_000;

    private readonly List<Problem> _problems;

    public VolumeNodes(IMetadataView view, VolumeRecord volume, List<Problem> problems)
    {
        (View, Volume, _problems) = (view, volume, problems);
        var after = new VnodeNumber(0);
        IReadOnlyList<FetchStatus> page;
        while ((page = view.ReadVnodes(volume.Id, after, PageRows)).Count > 0)
        {
            foreach (FetchStatus status in page)
                Nodes.Add(status.Fid.Vnode, new VnodeNode(status));
            after = page[^1].Fid.Vnode;
        }
        foreach ((Fid fid, _) in view.ReadUnnamed().Where(unnamed => unnamed.Fid.Volume == volume.Id))
        {
            if (Nodes.TryGetValue(fid.Vnode, out VnodeNode? node))
                node.IsUnnamed = true;
        }
    }

    public IMetadataView View { get; }

    public VolumeRecord Volume { get; }

    public Dictionary<VnodeNumber, VnodeNode> Nodes { get; } = [];

    public VnodeNode? Root => Nodes.GetValueOrDefault(VnodeNumber.Root);

    /// <summary>More was found than is listed.</summary>
    public bool HasMore { get; private set; }

    /// <param name="repair">Null: nothing can be done.</param>
    public void Report(ProblemKind kind, string where, Action<IMetadataTransaction>? repair)
    {
        if (_problems.Count >= MostProblems)
            HasMore = true;
        else
            _problems.Add(new Problem(kind, where, repair));
    }

    /// <summary>Changes a vnode's row, with risen versions.</summary>
    public Action<IMetadataTransaction> Change(VnodeNumber vnode, Func<FetchStatus, FetchStatus> change) => transaction =>
    {
        if (transaction.FindVnode(Volume.Id, vnode) is { } status)
            transaction.PutVnode(change(status) with { StatusVersion = status.StatusVersion.Next, DataVersion = ChangedData(status) });
    };

    public Fid FidOf(VnodeNumber vnode, VnodeNode node) => new(Volume.Id, vnode, node.Uniquifier);

    /// <summary>A directory's entries may be repaired with it; a file's content isn't.</summary>
    private static DataVersion ChangedData(FetchStatus status) =>
        status.Type == FileType.Directory ? status.DataVersion.Next : status.DataVersion;
}

/// <summary>What salvage remembers of a vnode, small enough for millions.</summary>
internal sealed class VnodeNode(FetchStatus status)
{
    public Uniquifier Uniquifier { get; } = status.Fid.Uniquifier;
    public FileType Type { get; } = status.Type;
    public uint LinkCount { get; } = status.LinkCount;
    public VnodeNumber Parent { get; } = status.Parent.Vnode;
    public long LengthBytes { get; } = status.LengthBytes;
    public DataVersion DataVersion { get; } = status.DataVersion;
    public bool HasXattrs { get; } = status.HasXattrs;

    /// <summary>Names that stand for it.</summary>
    public uint Names { get; set; }

    /// <summary>Directories among a directory's entries.</summary>
    public uint Subdirectories { get; set; }

    /// <summary>A directory's parent, as its name has it.</summary>
    public VnodeNumber NamedIn { get; set; }

    /// <summary>Its session holds it.</summary>
    public bool IsUnnamed { get; set; }

    public bool HasContent { get; set; }

    /// <summary>The walk up from it ends at the root.</summary>
    public bool ReachesRoot { get; set; }
}
