using System.Buffers;
using Afs.Platform;
using Afs.Wire;

namespace Afs.Vice.Volumes.Content;

/// <summary>
/// The patch that parts make whose bytes are all at hand: only the pages that differ from the base's, and those of an earlier patch that the parts leave as they
/// are, so that no content is ever a patch over a patch.
/// </summary>
internal sealed class PagePatch
{
    private readonly PatchIndex _index;
    private readonly ContentParts _parts;
    private readonly ReadOnlyMemory<byte> _sent;
    private readonly IDiskFile _current;

    private PagePatch(PatchIndex index, ContentParts parts, ReadOnlyMemory<byte> sent, IDiskFile current, uint crc32C) =>
        (_index, _parts, _sent, _current, Crc32C) = (index, parts, sent, current, crc32C);

    /// <summary>Of the whole content.</summary>
    public uint Crc32C { get; }

    /// <summary>The whole content file beneath it.</summary>
    public ObjectId Base => _index.Base;

    /// <summary>Of the patch.</summary>
    public long LengthBytes => _index.FileBytes;

    /// <summary>Null: it would be too large.</summary>
    /// <param name="sent">The bytes of the parts, one extent after the other.</param>
    /// <exception cref="DiskException">The base couldn't be read.</exception>
    public static PagePatch? TryMake(ContentParts parts, ReadOnlyMemory<byte> sent, PartsBase @base)
    {
        IDiskFile current = @base.File, whole = current is PatchedFile patched ? patched.Base : current;
        var checksum = new PartsChecksum(@base.Crc32C, current.LengthBytes, parts.LengthBytes);
        uint[] changed = new uint[PatchPages.CountIn(parts)];
        byte[] before = ArrayPool<byte>.Shared.Rent(sent.Length), inBase = ArrayPool<byte>.Shared.Rent(sent.Length);
        (int from, int count) = (0, 0);
        foreach (Extent extent in parts.Extents)
        {
            ReadOnlySpan<byte> now = sent.Span.Slice(from, (int)extent.LengthBytes);
            ReadOnlySpan<byte> was = Read(current, extent, before);
            checksum.Replace(extent.OffsetBytes, extent.LengthBytes, Platform.Crc32C.Of(was), Platform.Crc32C.Of(now));
            AddDifferent(changed, ref count, extent, now, ReferenceEquals(current, whole) ? was : Read(whole, extent, inBase));
            from += now.Length;
        }
        ArrayPool<byte>.Shared.Return(before);
        ArrayPool<byte>.Shared.Return(inBase);
        Array.Resize(ref changed, count);
        uint[] pages = PatchPages.Merge(changed, PatchPages.Outside(parts, current));
        if (!PatchLimits.Allow(pages.Length, parts.LengthBytes))
            return null;
        var index = new PatchIndex(@base.Whole, whole.LengthBytes, parts.LengthBytes, pages);
        return new PagePatch(index, parts, sent, current, checksum.Value);
    }

    /// <summary>As it is kept.</summary>
    /// <exception cref="DiskException">An earlier patch couldn't be read.</exception>
    public byte[] ToBytes()
    {
        byte[] bytes = new byte[_index.FileBytes];
        _index.Encode().CopyTo(bytes, 0);
        var cursor = new ExtentCursor(_parts.Extents);
        foreach (uint page in _index.Pages)
        {
            _index.TryFind(page, out long at);
            Span<byte> target = bytes.AsSpan((int)at, PatchIndex.PageBytes);
            long offset = (long)page * PatchIndex.PageBytes;
            if (PatchPages.Contains(_parts, page))
                CopySent(cursor, offset, target);
            else
                _current.Read(offset, target);
        }
        return bytes;
    }

    /// <summary>With zeros behind the file's end.</summary>
    private static ReadOnlySpan<byte> Read(IDiskFile file, Extent extent, byte[] buffer)
    {
        Span<byte> bytes = buffer.AsSpan(0, (int)extent.LengthBytes);
        bytes[file.Read(extent.OffsetBytes, bytes)..].Clear();
        return bytes;
    }

    private static void AddDifferent(uint[] pages, ref int count, Extent extent, ReadOnlySpan<byte> now, ReadOnlySpan<byte> inBase)
    {
        for (int at = 0; at < now.Length; at += PatchIndex.PageBytes)
        {
            int bytes = Math.Min(PatchIndex.PageBytes, now.Length - at);
            if (!now.Slice(at, bytes).SequenceEqual(inBase.Slice(at, bytes)))
                pages[count++] = (uint)((extent.OffsetBytes + at) / PatchIndex.PageBytes);
        }
    }

    /// <summary>The last page may be shorter.</summary>
    private void CopySent(ExtentCursor cursor, long offset, Span<byte> target)
    {
        while (offset - cursor.Offset >= cursor.Left)
            cursor.Advance(cursor.Left);
        cursor.Advance(offset - cursor.Offset);
        _sent.Span.Slice((int)cursor.Passed, (int)Math.Min(target.Length, cursor.Left)).CopyTo(target);
    }
}
