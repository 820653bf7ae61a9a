using Afs.Platform;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Vice.Volumes.Content;

/// <summary>The current content that parts build on, open for reading: it may be replaced meanwhile. Owns its file.</summary>
internal sealed class PartsBase(uint crc32C, ObjectId whole, IDiskFile file) : IDisposable
{
    public uint Crc32C => crc32C;

    /// <summary>The whole content file beneath it.</summary>
    public ObjectId Whole => whole;

    public IDiskFile File => file;

    /// <summary>Null: that version isn't current, or is no content file.</summary>
    /// <exception cref="DiskException">The disk failed.</exception>
    public static PartsBase? TryOpen(IMetadataView view, ContentStore store, Fid fid, ContentParts parts)
    {
        FetchStatus? status = view.FindVnode(fid.Volume, fid.Vnode);
        if (status is null || status.Fid != fid || status.Type != FileType.Regular || status.DataVersion != parts.Base || status.LengthBytes > parts.LengthBytes)
            return null;
        if (view.FindContent(fid.Volume, fid.Vnode) is not { Inline: null } content)
            return null;
        try
        {
            ObjectId whole = content.Base == ObjectId.None ? content.Object : content.Base;
            IDiskFile file = store.Open(content);
            if (file.LengthBytes == status.LengthBytes)
                return new PartsBase(status.ContentCrc32C, whole, file);
            file.Dispose(); // It lost its end: the whole content mends it.
            return null;
        }
        catch (DiskException e) when (e.Failure == DiskFailure.NotFound)
        {
            return null;
        }
    }

    public void Dispose() => file.Dispose();
}
