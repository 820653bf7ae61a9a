using Afs.Platform;
using Afs.Wire;

namespace Afs.Vice.Volumes.Content;

/// <summary>A patch. The pages of an earlier patch over the same base that the parts leave as they are are copied into it, so that no content is ever a patch over a patch.</summary>
internal sealed class PatchTarget : IPartsTarget
{
    private readonly IDiskFile _file;
    private readonly PatchIndex _index;
    private readonly IDiskFile _current;
    private readonly uint[] _earlier;

    private PatchTarget(IDiskFile file, PatchIndex index, IDiskFile current, uint[] earlier) =>
        (_file, _index, _current, _earlier) = (file, index, current, earlier);

    public ObjectId Base => _index.Base;

    /// <summary>Null: it would be too large, or more than half of the content.</summary>
    /// <exception cref="DiskException">The head couldn't be written.</exception>
    public static PatchTarget? TryMake(IDiskFile file, ContentParts parts, ObjectId baseId, IDiskFile current)
    {
        if (!PatchLimits.Allow(PatchPages.CountIn(parts), parts.LengthBytes))
            return null;
        uint[] earlier = PatchPages.Outside(parts, current), all = PatchPages.Merge(PatchPages.In(parts), earlier);
        if (!PatchLimits.Allow(all.Length, parts.LengthBytes))
            return null;
        long baseLengthBytes = current is PatchedFile p ? p.Index.BaseLengthBytes : current.LengthBytes;
        var index = new PatchIndex(baseId, baseLengthBytes, parts.LengthBytes, all);
        file.SetLength(index.FileBytes);
        file.Write(0, index.Encode());
        return new PatchTarget(file, index, current, earlier);
    }

    /// <summary>The pages of an extent lie together.</summary>
    public void Write(long offset, ReadOnlySpan<byte> data)
    {
        (long page, long within) = Math.DivRem(offset, PatchIndex.PageBytes);
        if (!_index.TryFind(page, out long at))
            throw new InvalidOperationException($"Page {page} isn't in the patch.");
        _file.Write(at + within, data);
    }

    public void Finish()
    {
        byte[] buffer = new byte[PatchIndex.PageBytes];
        foreach (uint page in _earlier)
        {
            long offset = (long)page * PatchIndex.PageBytes;
            Write(offset, buffer.AsSpan(0, _current.Read(offset, buffer)));
        }
    }
}
