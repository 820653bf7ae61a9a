using System.Text;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Vice.Salvage;

/// <summary>Link counts, parents, what has no name, and directories that the root doesn't lead to. After <see cref="NameCheck"/>.</summary>
internal static class LinkCheck
{
    private const uint EmptyDirectoryLinks = 2;

    public static void Run(VolumeNodes volume)
    {
        foreach ((VnodeNumber vnode, VnodeNode node) in volume.Nodes)
        {
            if (vnode == VnodeNumber.Root)
                CheckRoot(volume, node);
            else if (node.Names == 0)
                CheckNameless(volume, vnode, node);
            else if (node.Type == FileType.Directory)
                CheckDirectory(volume, vnode, node);
            else
                CheckLinks(volume, vnode, node, node.Names);
        }
    }

    private static void CheckRoot(VolumeNodes volume, VnodeNode node)
    {
        CheckLinks(volume, VnodeNumber.Root, node, EmptyDirectoryLinks + node.Subdirectories);
        if (node.Parent != VnodeNumber.Root)
            ReportParent(volume, VnodeNumber.Root, node, VnodeNumber.Root);
    }

    private static void CheckNameless(VolumeNodes volume, VnodeNumber vnode, VnodeNode node)
    {
        if (!node.IsUnnamed || node.LinkCount != 0)
            volume.Report(ProblemKind.Orphan, $"{volume.FidOf(vnode, node)}", GiveName(volume, vnode, node));
    }

    private static void CheckDirectory(VolumeNodes volume, VnodeNumber vnode, VnodeNode node)
    {
        CheckLinks(volume, vnode, node, EmptyDirectoryLinks + node.Subdirectories);
        if (node.Parent != node.NamedIn)
            ReportParent(volume, vnode, node, node.NamedIn);
        if (!ReachesRoot(volume, vnode))
            volume.Report(ProblemKind.Cycle, $"{volume.FidOf(vnode, node)}", GiveName(volume, vnode, node));
    }

    private static void CheckLinks(VolumeNodes volume, VnodeNumber vnode, VnodeNode node, uint expected)
    {
        if (node.LinkCount != expected)
        {
            volume.Report(
                ProblemKind.WrongLinkCount,
                $"{volume.FidOf(vnode, node)} has {node.LinkCount}, not {expected}",
                volume.Change(vnode, status => status with { LinkCount = expected }));
        }
    }

    private static void ReportParent(VolumeNodes volume, VnodeNumber vnode, VnodeNode node, VnodeNumber expected)
    {
        Fid parent = volume.FidOf(expected, volume.Nodes[expected]);
        volume.Report(
            ProblemKind.WrongParent,
            $"{volume.FidOf(vnode, node)} says {node.Parent}, not {expected}",
            volume.Change(vnode, status => status with { Parent = parent }));
    }

    /// <summary>
    /// Walks up by names. All that is walked over has the same end, so each node is walked once. A directory whose way ends at one
    /// without a name is not in a circle; that one is the orphan.
    /// </summary>
    private static bool ReachesRoot(VolumeNodes volume, VnodeNumber start)
    {
        List<VnodeNode> way = [];
        HashSet<VnodeNumber> seen = [];
        VnodeNumber at = start;
        while (at != VnodeNumber.Root && volume.Nodes[at] is { ReachesRoot: false, Names: > 0 } node)
        {
            if (!seen.Add(at))
                return false;
            way.Add(node);
            at = node.NamedIn;
        }
        way.ForEach(node => node.ReachesRoot = true);
        return true;
    }

    /// <summary>A name in the root directory. Counts are put right by the next pass.</summary>
    private static Action<IMetadataTransaction> GiveName(VolumeNodes volume, VnodeNumber vnode, VnodeNode node) => transaction =>
    {
        VolumeId id = volume.Volume.Id;
        if (node.Names > 0 && FindName(transaction, id, node.NamedIn, vnode) is { } old)
            transaction.DeleteEntry(id, node.NamedIn, old);
        byte[] name = Encoding.UTF8.GetBytes($"salvaged.{vnode}");
        transaction.PutEntry(id, new EntryRecord(VnodeNumber.Root, name, volume.FidOf(vnode, node), node.Type));
        transaction.DeleteUnnamed(id, vnode);
        volume.Change(VnodeNumber.Root, root => root)(transaction);
    };

    private static byte[]? FindName(IMetadataTransaction transaction, VolumeId id, VnodeNumber directory, VnodeNumber target) =>
        transaction.ReadEntries(id, directory, null, int.MaxValue).FirstOrDefault(entry => entry.Target.Vnode == target)?.Name;
}
