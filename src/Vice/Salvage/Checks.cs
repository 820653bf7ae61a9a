using System.Text;
using Afs.Platform;
using Afs.Rules;
using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Vice.Salvage;

/// <summary>Every name is in a directory and stands for a vnode of the type that it says. Counts names for the checks that follow.</summary>
internal static class NameCheck
{
    /// <summary>How many names there are.</summary>
    public static long Run(VolumeNodes volume)
    {
        long names = 0;
        (VnodeNumber directory, byte[] name) = (new VnodeNumber(0), []);
        IReadOnlyList<EntryRecord> page;
        while ((page = volume.View.ReadAllEntries(volume.Volume.Id, directory, name, VolumeNodes.PageRows)).Count > 0)
        {
            foreach (EntryRecord entry in page)
                Check(volume, entry);
            names += page.Count;
            (directory, name) = (page[^1].Directory, page[^1].Name);
        }
        return names;
    }

    private static void Check(VolumeNodes volume, EntryRecord entry)
    {
        VolumeId id = volume.Volume.Id;
        Action<IMetadataTransaction> delete = transaction => transaction.DeleteEntry(id, entry.Directory, entry.Name);
        if (volume.Nodes.GetValueOrDefault(entry.Directory) is not { Type: FileType.Directory } directory)
            volume.Report(ProblemKind.NameWithoutDirectory, Show(entry), delete);
        else if (!volume.Nodes.TryGetValue(entry.Target.Vnode, out VnodeNode? target) || target.Uniquifier != entry.Target.Uniquifier)
            volume.Report(ProblemKind.NameWithoutVnode, Show(entry), delete);
        else if (target.Type == FileType.Directory && target.Names > 0)
            volume.Report(ProblemKind.ManyParents, Show(entry), delete);
        else
            Count(volume, entry, directory, target);
    }

    private static void Count(VolumeNodes volume, EntryRecord entry, VnodeNode directory, VnodeNode target)
    {
        target.Names++;
        if (target.Type == FileType.Directory)
        {
            directory.Subdirectories++;
            target.NamedIn = entry.Directory;
        }
        if (target.Type != entry.Type)
            volume.Report(ProblemKind.WrongEntryType, Show(entry), transaction => transaction.PutEntry(volume.Volume.Id, entry with { Type = target.Type }));
    }

    private static string Show(EntryRecord entry) => $"'{Encoding.UTF8.GetString(entry.Name)}' in directory {entry.Directory}, for {entry.Target}";
}

/// <summary>Blocks of vnode numbers that clients leased: what may still be used of them is nobody else's, and in no use.</summary>
internal static class LeaseCheck
{
    public static void Run(VolumeNodes volume)
    {
        VnodeLease? before = null;
        foreach (VnodeLease lease in volume.View.ReadVnodeLeases().Where(lease => lease.Volume == volume.Volume.Id))
        {
            if (!IsRight(volume, lease) || before is not null && before.End.Value > lease.First.Value)
                volume.Report(ProblemKind.WrongVnodeLease, $"{lease.First} to {lease.End} of {lease.Client}", transaction => transaction.DeleteVnodeLease(lease));
            before = lease;
        }
    }

    private static bool IsRight(VolumeNodes volume, VnodeLease lease)
    {
        bool isBlock = lease.First.Value > VnodeNumber.Root.Value && lease.First.Value <= lease.Next.Value && lease.Next.Value < lease.End.Value
            && lease.End.Value - lease.First.Value <= Limits.VnodesPerLease && lease.End.Value <= volume.Volume.LastVnode.Value + 1;
        if (!isBlock)
            return false;
        for (ulong number = lease.Next.Value; number < lease.End.Value; number++)
        {
            if (volume.Nodes.ContainsKey(new VnodeNumber(number)))
                return false;
        }
        return true;
    }
}

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

/// <summary>Every file has the content of its version, with its length, and every content is a file's. The bytes are scrub's to read.</summary>
internal static class ContentCheck
{
    /// <summary>How many contents there are.</summary>
    public static async ValueTask<long> RunAsync(VolumeNodes volume, IContentStore store)
    {
        long contents = 0;
        var after = new VnodeNumber(0);
        IReadOnlyList<(VnodeNumber Vnode, ContentRecord Content)> page;
        while ((page = volume.View.ReadContents(volume.Volume.Id, after, VolumeNodes.PageRows / 16)).Count > 0)
        {
            foreach ((VnodeNumber vnode, ContentRecord content) in page)
                await CheckAsync(volume, store, vnode, content);
            contents += page.Count;
            after = page[^1].Vnode;
        }
        foreach ((VnodeNumber vnode, VnodeNode node) in volume.Nodes)
        {
            if (node.Type == FileType.Regular && node.LengthBytes > 0 && !node.HasContent)
                volume.Report(ProblemKind.ContentMissing, $"{volume.FidOf(vnode, node)}", null);
        }
        return contents;
    }

    private static async ValueTask CheckAsync(VolumeNodes volume, IContentStore store, VnodeNumber vnode, ContentRecord content)
    {
        if (volume.Nodes.GetValueOrDefault(vnode) is not { Type: FileType.Regular, LengthBytes: > 0 } node)
        {
            volume.Report(ProblemKind.ContentWithoutFile, $"vnode {vnode}", transaction => transaction.DeleteContent(volume.Volume.Id, vnode));
            return;
        }
        long? length = content.Inline?.Length ?? await LengthOfAsync(store, content);
        if (length is null || content.Version != node.DataVersion)
            return;
        node.HasContent = true;
        if (length != node.LengthBytes)
            volume.Report(ProblemKind.ContentLength, $"{volume.FidOf(vnode, node)} has {length} bytes, not {node.LengthBytes}", null);
    }

    /// <summary>Null: it isn't there, or is a patch that can't be read.</summary>
    private static async ValueTask<long?> LengthOfAsync(IContentStore store, ContentRecord record)
    {
        try
        {
            await using IContent content = await store.OpenAsync(record, CancellationToken.None);
            return content.LengthBytes;
        }
        catch (DiskException e) when (e.Failure == DiskFailure.NotFound || record.Base != ObjectId.None)
        {
            return null;
        }
    }
}

/// <summary>Every status says of its xattrs what there is, every access list is one, and says what the mode says.</summary>
internal static class XattrCheck
{
    public static void Run(VolumeNodes volume)
    {
        foreach ((VnodeNumber vnode, VnodeNode node) in volume.Nodes)
        {
            if (node.HasXattrs && volume.View.FindVnode(volume.Volume.Id, vnode) is { } status)
                Check(volume, status, volume.View.ReadXattrs(volume.Volume.Id, vnode));
        }
    }

    private static void Check(VolumeNodes volume, FetchStatus status, IReadOnlyList<Xattr> xattrs)
    {
        if (xattrs.Any(xattr => AccessList.KindOf(xattr.Name) != AccessLists.None && !AccessList.IsValid(xattr.Value)))
            volume.Report(ProblemKind.BadAccessList, $"{status.Fid}", null);
        else if (RightOf(status, xattrs) is var right && right != status)
        {
            volume.Report(ProblemKind.WrongXattrs, $"{status.Fid}", volume.Change(
                status.Fid.Vnode, now => RightOf(now, xattrs) with { XattrsVersion = now.StatusVersion.Next }));
        }
    }

    /// <summary>The list counts where the mode says another thing: it was set by somebody who could also have set the mode.</summary>
    private static FetchStatus RightOf(FetchStatus status, IReadOnlyList<Xattr> xattrs)
    {
        Xattr? list = xattrs.FirstOrDefault(xattr => AccessList.KindOf(xattr.Name) == AccessLists.Access);
        return status with
        {
            HasXattrs = xattrs.Count > 0,
            Lists = AccessListRows.Of(xattrs),
            Mode = list is null ? status.Mode : AccessList.ModeOf(list.Value, status.Mode),
        };
    }
}
