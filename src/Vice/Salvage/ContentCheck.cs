using Afs.Platform;
using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Vice.Salvage;

/// <summary>Every file has the content of its version, with its length, and every content is a file's. The bytes are scrub's to read.</summary>
internal static class ContentCheck
{
    /// <summary>How many contents there are.</summary>
    public static long Run(VolumeNodes volume, ContentStore store)
    {
        long contents = 0;
        var after = new VnodeNumber(0);
        IReadOnlyList<(VnodeNumber Vnode, ContentRecord Content)> page;
        while ((page = volume.View.ReadContents(volume.Volume.Id, after, VolumeNodes.PageRows / 16)).Count > 0)
        {
            foreach ((VnodeNumber vnode, ContentRecord content) in page)
                Check(volume, store, vnode, content);
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

    private static void Check(VolumeNodes volume, ContentStore store, VnodeNumber vnode, ContentRecord content)
    {
        if (volume.Nodes.GetValueOrDefault(vnode) is not { Type: FileType.Regular, LengthBytes: > 0 } node)
        {
            volume.Report(ProblemKind.ContentWithoutFile, $"vnode {vnode}", transaction => transaction.DeleteContent(volume.Volume.Id, vnode));
            return;
        }
        long? length = content.Inline?.Length ?? LengthOf(store, content);
        if (length is null || content.Version != node.DataVersion)
            return;
        node.HasContent = true;
        if (length != node.LengthBytes)
            volume.Report(ProblemKind.ContentLength, $"{volume.FidOf(vnode, node)} has {length} bytes, not {node.LengthBytes}", null);
    }

    /// <summary>Null: it isn't there, or is a patch that can't be read.</summary>
    private static long? LengthOf(ContentStore store, ContentRecord content)
    {
        if (!content.Objects.All(store.Exists))
            return null;
        try
        {
            using IDiskFile file = store.Open(content);
            return file.LengthBytes;
        }
        catch (DiskException) when (content.Base != ObjectId.None)
        {
            return null;
        }
    }
}
