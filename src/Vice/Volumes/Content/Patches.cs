using System.Buffers;
using System.Buffers.Binary;
using Afs.Platform;
using Afs.Wire;
using Microsoft.Win32.SafeHandles;

namespace Afs.Vice.Volumes.Content;

/// <summary>A content that is a patch over a base, read as if it were one file. Owns both.</summary>
internal sealed class PatchedFile(IDiskFile patch, PatchIndex index, IDiskFile @base) : IDiskFile
{
    public long LengthBytes => index.LengthBytes;

    public PatchIndex Index => index;

    public IDiskFile Base => @base;

    /// <summary>None: there is no one file.</summary>
    public SafeFileHandle? Handle => null;

    /// <summary>Owns both files also where it fails.</summary>
    /// <exception cref="DiskException">The patch is damaged, or of another base.</exception>
    public static PatchedFile Open(IDiskFile patch, IDiskFile @base, ObjectId baseId)
    {
        try
        {
            PatchIndex index = PatchIndex.Read(patch);
            if (index.Base != baseId || index.BaseLengthBytes != @base.LengthBytes)
                throw new DiskException(DiskFailure.Failed, $"A patch over {index.Base} has the base {baseId}.");
            return new PatchedFile(patch, index, @base);
        }
        catch
        {
            patch.Dispose();
            @base.Dispose();
            throw;
        }
    }

    public int Read(long offset, Span<byte> destination)
    {
        int wanted = (int)Math.Clamp(LengthBytes - offset, 0, destination.Length);
        for (int done = 0; done < wanted;)
            done += ReadRun(offset + done, destination[done..wanted]);
        return wanted;
    }

    public DataRun NextData(long offset)
    {
        while (offset < LengthBytes)
        {
            long page = offset / PatchIndex.PageBytes;
            if (index.TryFind(page, out _))
                return new DataRun(offset, Math.Min((page + 1) * PatchIndex.PageBytes, LengthBytes));
            long end = RunEnd(page);
            DataRun inBase = @base.NextData(Math.Min(offset, index.BaseLengthBytes));
            if (!inBase.IsEmpty && inBase.StartBytes < end)
                return new DataRun(inBase.StartBytes, Math.Min(inBase.EndBytes, end));
            offset = end;
        }
        return new DataRun(LengthBytes, LengthBytes);
    }

    public void Write(long offset, ReadOnlySpan<byte> data) => throw Immutable();

    public void SetLength(long lengthBytes) => throw Immutable();

    public void Sync() => throw Immutable();

    public void CheckWritten() => throw Immutable();

    public void Dispose()
    {
        patch.Dispose();
        @base.Dispose();
    }

    /// <summary>From the patch up to the end of the page, or from the base up to the next page of the patch.</summary>
    private int ReadRun(long offset, Span<byte> destination)
    {
        (long page, long within) = Math.DivRem(offset, PatchIndex.PageBytes);
        if (index.TryFind(page, out long at))
        {
            Span<byte> rest = destination[..(int)Math.Min(destination.Length, PatchIndex.PageBytes - within)];
            if (patch.Read(at + within, rest) != rest.Length)
                throw new DiskException(DiskFailure.Failed, "A patch is too short.");
            return rest.Length;
        }
        Span<byte> run = destination[..(int)Math.Min(destination.Length, RunEnd(page) - offset)];
        int count = offset < index.BaseLengthBytes ? @base.Read(offset, run) : 0;
        run[count..].Clear();
        return run.Length;
    }

    private long RunEnd(long page)
    {
        long next = index.NextBehind(page);
        return next > LengthBytes / PatchIndex.PageBytes ? LengthBytes : next * PatchIndex.PageBytes;
    }

    private static InvalidOperationException Immutable() => new("A content never changes.");
}

/// <summary>
/// The head of a patch: what holds only the pages of 4,096 bytes in which a content differs from its base, a whole content file.
/// <code>
///  0  magic "AFSPATCH"      8  format (32): 2       12  pages n (32)
/// 16  content length (64)  24  base (64)            32  base length (64)
/// 40  CRC32C of bytes 0 to 39 and of the index (32)  44  zeros (32)
/// 48  index: n page numbers (32), ascending; then n pages
/// </code>
/// Numbers are little-endian. A content is never shorter than its base; what neither has is zeros. In format 1, which is read only, n counts and the index
/// numbers blocks of 64 KiB, and zeros up to a multiple of 4,096 stand before the first.
/// </summary>
internal sealed class PatchIndex
{
    public const int PageBytes = 4096;

    private const int HeadBytes = 48, SumAt = 40;

    /// <summary>Far more than what <see cref="PatchLimits"/> allows: what says more is damaged.</summary>
    private const int MostEntries = 1 << 20;

    private const uint FormatOfBlocks = 1, FormatOfPages = 2;
    private const int PagesPerBlock = Limits.BlockBytes / PageBytes;

    /// <summary>The last of the largest file.</summary>
    private const uint MostBlock = (uint)(Limits.FileBytes / Limits.BlockBytes) - 1;

    private readonly uint[] _pages;
    private readonly long _dataStart;

    public PatchIndex(ObjectId @base, long baseLengthBytes, long lengthBytes, uint[] pages)
        : this(@base, baseLengthBytes, lengthBytes, pages, HeadBytes + (long)pages.Length * sizeof(uint))
    {
    }

    private PatchIndex(ObjectId @base, long baseLengthBytes, long lengthBytes, uint[] pages, long dataStart) =>
        (Base, BaseLengthBytes, LengthBytes, _pages, _dataStart) = (@base, baseLengthBytes, lengthBytes, pages, dataStart);

    public ObjectId Base { get; }

    public long BaseLengthBytes { get; }

    /// <summary>Of the whole content.</summary>
    public long LengthBytes { get; }

    /// <summary>Ascending.</summary>
    public ReadOnlySpan<uint> Pages => _pages;

    /// <summary>Of the patch.</summary>
    public long FileBytes => _dataStart + (long)_pages.Length * PageBytes;

    /// <summary>Where in the patch a page is. False: it is the base's.</summary>
    public bool TryFind(long page, out long offset)
    {
        int at = FirstFrom(page);
        offset = _dataStart + (long)at * PageBytes;
        return at < _pages.Length && _pages[at] == page;
    }

    /// <summary>The next page behind <paramref name="page"/> that the patch has; past all where there is none.</summary>
    public long NextBehind(long page)
    {
        int next = FirstFrom(page + 1);
        return next < _pages.Length ? _pages[next] : long.MaxValue;
    }

    /// <summary>All up to the first page. Only of an index that was made here: format 2.</summary>
    public byte[] Encode()
    {
        byte[] bytes = new byte[HeadBytes + _pages.Length * sizeof(uint)];
        "AFSPATCH"u8.CopyTo(bytes);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8), FormatOfPages);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(12), _pages.Length);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(16), LengthBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(24), Base.Value);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(32), BaseLengthBytes);
        for (int i = 0; i < _pages.Length; i++)
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(HeadBytes + i * sizeof(uint)), _pages[i]);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(SumAt), Sum(bytes));
        return bytes;
    }

    /// <exception cref="DiskException">It is no patch, or damaged.</exception>
    public static PatchIndex Read(IDiskFile file)
    {
        byte[] head = new byte[HeadBytes];
        bool isHead = file.Read(0, head) == HeadBytes && head.AsSpan(0, 8).SequenceEqual("AFSPATCH"u8);
        uint format = BinaryPrimitives.ReadUInt32LittleEndian(head.AsSpan(8));
        int count = BinaryPrimitives.ReadInt32LittleEndian(head.AsSpan(12));
        if (!isHead || format is not (FormatOfBlocks or FormatOfPages) || count is < 0 or > MostEntries)
            throw Damaged();
        bool isOfBlocks = format == FormatOfBlocks;
        int indexBytes = HeadBytes + count * sizeof(uint);
        long dataStart = isOfBlocks ? (indexBytes + PageBytes - 1) / PageBytes * PageBytes : indexBytes;
        if (dataStart + (long)count * (isOfBlocks ? Limits.BlockBytes : PageBytes) != file.LengthBytes)
            throw Damaged();
        byte[] all = new byte[indexBytes];
        if (file.Read(0, all) != all.Length || BinaryPrimitives.ReadUInt32LittleEndian(all.AsSpan(SumAt)) != Sum(all))
            throw Damaged();
        uint[] numbers = new uint[count];
        for (int i = 0; i < count; i++)
            numbers[i] = BinaryPrimitives.ReadUInt32LittleEndian(all.AsSpan(HeadBytes + i * sizeof(uint)));
        long baseLengthBytes = BinaryPrimitives.ReadInt64LittleEndian(all.AsSpan(32)), lengthBytes = BinaryPrimitives.ReadInt64LittleEndian(all.AsSpan(16));
        if (baseLengthBytes < 0 || lengthBytes < baseLengthBytes || lengthBytes > Limits.FileBytes || !IsAscending(numbers, isOfBlocks ? MostBlock : uint.MaxValue))
            throw Damaged();
        var @base = new ObjectId(BinaryPrimitives.ReadUInt64LittleEndian(all.AsSpan(24)));
        return new PatchIndex(@base, baseLengthBytes, lengthBytes, isOfBlocks ? [.. numbers.SelectMany(PagesOf)] : numbers, dataStart);
    }

    /// <summary>Where in the index the first page stands that is at or behind this one.</summary>
    private int FirstFrom(long page)
    {
        (int low, int high) = (0, _pages.Length);
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            (low, high) = _pages[middle] < page ? (middle + 1, high) : (low, middle);
        }
        return low;
    }

    private static bool IsAscending(uint[] numbers, uint most)
    {
        for (int i = 1; i < numbers.Length; i++)
        {
            if (numbers[i] <= numbers[i - 1])
                return false;
        }
        return numbers.Length == 0 || numbers[^1] <= most;
    }

    private static IEnumerable<uint> PagesOf(uint block)
    {
        for (uint page = 0; page < PagesPerBlock; page++)
            yield return block * PagesPerBlock + page;
    }

    private static uint Sum(byte[] bytes)
    {
        var crc = new Crc32C();
        crc.Add(bytes.AsSpan(0, SumAt));
        crc.Add(bytes.AsSpan(HeadBytes));
        return crc.Value;
    }

    private static DiskException Damaged() => new(DiskFailure.Failed, "The head of a patch is damaged.");
}

/// <summary>Which pages parts touch, and which of an earlier patch they leave as they are. All lists ascend. An extent begins with a page.</summary>
internal static class PatchPages
{
    public static long CountIn(ContentParts parts)
    {
        long count = 0;
        foreach (Extent extent in parts.Extents)
            count += (extent.LengthBytes + PatchIndex.PageBytes - 1) / PatchIndex.PageBytes;
        return count;
    }

    public static uint[] In(ContentParts parts)
    {
        uint[] pages = new uint[CountIn(parts)];
        int count = 0;
        foreach (Extent extent in parts.Extents)
        {
            for (long offset = extent.OffsetBytes; offset < extent.EndBytes; offset += PatchIndex.PageBytes)
                pages[count++] = (uint)(offset / PatchIndex.PageBytes);
        }
        return pages;
    }

    public static bool Contains(ContentParts parts, uint page)
    {
        long offset = (long)page * PatchIndex.PageBytes;
        foreach (Extent extent in parts.Extents)
        {
            if (offset >= extent.OffsetBytes && offset < extent.EndBytes)
                return true;
        }
        return false;
    }

    /// <summary>Those of the current content's patch that the parts leave; none where it is whole.</summary>
    public static uint[] Outside(ContentParts parts, IDiskFile current)
    {
        if (current is not PatchedFile patched)
            return [];
        uint[] pages = new uint[patched.Index.Pages.Length];
        int count = 0;
        foreach (uint page in patched.Index.Pages)
        {
            // An earlier format had whole blocks, also behind the content's end.
            if (!Contains(parts, page) && (long)page * PatchIndex.PageBytes < current.LengthBytes)
                pages[count++] = page;
        }
        Array.Resize(ref pages, count);
        return pages;
    }

    /// <summary>Two lists that have no page in common.</summary>
    public static uint[] Merge(uint[] some, uint[] others)
    {
        uint[] all = new uint[some.Length + others.Length];
        for (int i = 0, j = 0; i + j < all.Length;)
        {
            bool isOther = i == some.Length || j < others.Length && others[j] < some[i];
            all[i + j] = isOther ? others[j] : some[i];
            (i, j) = isOther ? (i, j + 1) : (i + 1, j);
        }
        return all;
    }
}

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

/// <summary>A small patch, ready for the metadata. Nothing refers to it yet.</summary>
/// <param name="Base">The whole content file beneath it.</param>
/// <param name="Bytes">The patch.</param>
/// <param name="Crc32C">Of the whole content.</param>
internal sealed record RowPatch(ContentParts Parts, ObjectId Base, byte[] Bytes, uint Crc32C);

/// <summary>How large a patch may be.</summary>
internal static class PatchLimits
{
    /// <summary>
    /// One of more than 8 MiB is made a whole content: copying the patch at each store and copying the base now and then cost about the same at this size,
    /// for a file of 512 MiB and stores of a block or two.
    /// </summary>
    private const int MostPages = 2048;

    /// <summary>
    /// A patch of up to this length, head included, is data of its row: in the metadata's log it costs less than the two fsyncs of a file. A block that changed
    /// entirely and as many pages of earlier changes fit.
    /// </summary>
    public const int MostRowBytes = 128 * 1024;

    /// <summary>False: there are too many, or they are more than half of the content.</summary>
    public static bool Allow(long pages, long lengthBytes) => pages <= MostPages && pages * PatchIndex.PageBytes <= lengthBytes / 2;
}
