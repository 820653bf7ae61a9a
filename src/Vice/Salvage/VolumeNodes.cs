using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Vice.Salvage;

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
