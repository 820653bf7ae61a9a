using System.Buffers;
using System.Buffers.Binary;
using Afs.Platform;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Vice.Volumes.Content;

/// <summary>A content that is a patch over a base, read as if it were one. Owns both.</summary>
internal sealed class PatchedContent(IContent patch, PatchIndex index, IContent @base) : IContent
{
    public long LengthBytes => index.LengthBytes;

    public PatchIndex Index => index;

    public IContent Base => @base;

    /// <summary>Owns both also where it fails.</summary>
    /// <exception cref="DiskException">The patch is damaged, or of another base.</exception>
    public static async ValueTask<PatchedContent> OpenAsync(IContent patch, IContent @base, ObjectId baseId, CancellationToken cancellation)
    {
        PatchedContent? opened = null;
        try
        {
            PatchIndex index = await PatchIndex.ReadAsync(patch, cancellation);
            if (index.Base != baseId || index.BaseLengthBytes != @base.LengthBytes)
                throw new DiskException(DiskFailure.Failed, $"A patch over {index.Base} has the base {baseId}.");
            return opened = new PatchedContent(patch, index, @base);
        }
        finally
        {
            if (opened is null)
            {
                await patch.DisposeAsync();
                await @base.DisposeAsync();
            }
        }
    }

    /// <summary>One read of the base and one of the patch, whatever is asked for.</summary>
    public async ValueTask ReadAsync(ReadOnlyMemory<ContentRange> ranges, CancellationToken cancellation)
    {
        List<ContentRange> ofPatch = [], ofBase = [];
        for (int i = 0; i < ranges.Length; i++)
            Split(ranges.Span[i], ofPatch, ofBase);
        if (ofBase.Count > 0)
            await @base.ReadAsync(ofBase.ToArray(), cancellation);
        if (ofPatch.Count > 0)
            await patch.ReadAsync(ofPatch.ToArray(), cancellation);
    }

    public async ValueTask<IReadOnlyList<DataRun>> FindDataAsync(long offset, int most, CancellationToken cancellation)
    {
        List<DataRun> runs = [];
        IReadOnlyList<DataRun> ofBase = [];
        (int next, bool isLast) = (0, false);
        while (offset < LengthBytes && runs.Count < most)
        {
            long page = offset / PatchIndex.PageBytes, end = RunEnd(page, out bool isPatch);
            if (isPatch)
            {
                runs.Add(new DataRun(offset, end));
                offset = end;
                continue;
            }
            while (next < ofBase.Count && ofBase[next].EndBytes <= offset)
                next++;
            if (next == ofBase.Count && !isLast)
            {
                ofBase = await @base.FindDataAsync(Math.Min(offset, index.BaseLengthBytes), most, cancellation);
                (next, isLast) = (0, ofBase.Count < most);
                continue;
            }
            if (next == ofBase.Count || ofBase[next].StartBytes >= end)
            {
                offset = end;
                continue;
            }
            var run = new DataRun(Math.Max(offset, ofBase[next].StartBytes), Math.Min(end, ofBase[next].EndBytes));
            runs.Add(run);
            offset = run.EndBytes;
        }
        return runs;
    }

    /// <summary>What is added to a content that ends at an offset, so that it has these runs: pages of the patch as bytes, and the rest of the base's.</summary>
    public async ValueTask<List<ContentPiece>> ToPiecesAsync(long from, IReadOnlyList<DataRun> runs)
    {
        List<ContentPiece> pieces = [];
        List<ContentRange> ofPatch = [];
        foreach (DataRun run in runs)
        {
            if (run.StartBytes > from)
                pieces.Add(ContentPiece.Zeros(run.StartBytes - from));
            for (from = run.StartBytes; from < run.EndBytes;)
            {
                long end = Math.Min(run.EndBytes, RunEnd(from / PatchIndex.PageBytes, out bool isPatch));
                if (isPatch)
                {
                    byte[] bytes = new byte[end - from];
                    Split(new ContentRange(from, bytes), ofPatch, []);
                    pieces.Add(ContentPiece.Of(bytes));
                }
                else
                {
                    pieces.Add(ContentPiece.Shared(@base, end - from));
                }
                from = end;
            }
        }
        if (ofPatch.Count > 0)
            await patch.ReadAsync(ofPatch.ToArray(), CancellationToken.None);
        return pieces;
    }

    /// <summary>Puts over what was read of the base what the patch has there.</summary>
    public async ValueTask OverlayAsync(IReadOnlyList<ContentRange> areas)
    {
        List<ContentRange> ofPatch = [];
        foreach ((long offset, Memory<byte> area) in areas)
        {
            int count = (int)Math.Clamp(LengthBytes - offset, 0, area.Length);
            for (int done = 0; done < count;)
            {
                int run = (int)Math.Min(count - done, RunEnd((offset + done) / PatchIndex.PageBytes, out bool isPatch) - offset - done);
                if (isPatch)
                    Split(new ContentRange(offset + done, area.Slice(done, run)), ofPatch, []);
                done += run;
            }
        }
        if (ofPatch.Count > 0)
            await patch.ReadAsync(ofPatch.ToArray(), CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        await patch.DisposeAsync();
        await @base.DisposeAsync();
    }

    /// <summary>Of each page the patch's or the base's range; what neither has becomes zeros.</summary>
    private void Split(ContentRange range, List<ContentRange> ofPatch, List<ContentRange> ofBase)
    {
        (long offset, Memory<byte> rest) = range;
        if (offset < 0 || offset + rest.Length > LengthBytes)
            throw new DiskException(DiskFailure.Failed, $"The content over {index.Base} ends at {LengthBytes}.");
        while (!rest.IsEmpty)
        {
            (long page, long within) = Math.DivRem(offset, PatchIndex.PageBytes);
            Memory<byte> run = rest[..(int)Math.Min(rest.Length, RunEnd(page, out bool isPatch) - offset)];
            if (isPatch)
            {
                index.TryFind(page, out long at);
                ofPatch.Add(new ContentRange(at + within, run));
            }
            else
            {
                int inBase = (int)Math.Clamp(index.BaseLengthBytes - offset, 0, run.Length);
                if (inBase > 0)
                    ofBase.Add(new ContentRange(offset, run[..inBase]));
                run.Span[inBase..].Clear();
            }
            offset += run.Length;
            rest = rest[run.Length..];
        }
    }

    /// <summary>Up to where the pages from this one on are all of the patch, or all of the base. Those of the patch lie together in it.</summary>
    private long RunEnd(long page, out bool isPatch)
    {
        isPatch = index.TryFind(page, out _);
        long next = isPatch ? index.NextMissing(page) : index.NextBehind(page);
        return next > LengthBytes / PatchIndex.PageBytes ? LengthBytes : Math.Min(next * PatchIndex.PageBytes, LengthBytes);
    }
}

/// <summary>Contents as rows name them.</summary>
public static class ContentRecords
{
    /// <summary>A file's content, as one. It isn't inline.</summary>
    /// <exception cref="DiskException">It is missing or damaged.</exception>
    public static async ValueTask<IContent> OpenAsync(this IContentStore store, ContentRecord record, CancellationToken cancellation)
    {
        IContent content = record.Data is { } patch ? new BytesContent(patch) : await store.OpenAsync(record.Object, cancellation);
        if (record.Base == ObjectId.None)
            return content;
        IContent? whole = null;
        try
        {
            whole = await store.OpenAsync(record.Base, cancellation);
        }
        finally
        {
            if (whole is null)
                await content.DisposeAsync();
        }
        return await PatchedContent.OpenAsync(content, whole, record.Base, cancellation);
    }
}

/// <summary>Bytes of the metadata, read as if they were a content of the store.</summary>
internal sealed class BytesContent(byte[] bytes) : IContent
{
    public long LengthBytes => bytes.Length;

    public ValueTask ReadAsync(ReadOnlyMemory<ContentRange> ranges, CancellationToken cancellation)
    {
        foreach (ContentRange range in ranges.Span)
        {
            if (range.OffsetBytes < 0 || range.OffsetBytes + range.Destination.Length > bytes.Length)
                throw new DiskException(DiskFailure.Failed, $"A content in the metadata ends at {bytes.Length}.");
            bytes.AsSpan((int)range.OffsetBytes, range.Destination.Length).CopyTo(range.Destination.Span);
        }
        return ValueTask.CompletedTask;
    }

    public ValueTask<IReadOnlyList<DataRun>> FindDataAsync(long offset, int most, CancellationToken cancellation) =>
        ValueTask.FromResult<IReadOnlyList<DataRun>>(offset < bytes.Length ? [new DataRun(offset, bytes.Length)] : []);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
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

    /// <summary>Enough for the index of a patch of up to 8 MiB.</summary>
    private const int FirstReadBytes = HeadBytes + 2048 * sizeof(uint);

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

    /// <summary>The first page behind <paramref name="page"/>, which the patch has, that it doesn't have.</summary>
    public long NextMissing(long page)
    {
        int at = FirstFrom(page);
        while (at + 1 < _pages.Length && _pages[at + 1] == _pages[at] + 1L)
            at++;
        return _pages[at] + 1L;
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
    public static async ValueTask<PatchIndex> ReadAsync(IContent patch, CancellationToken cancellation)
    {
        byte[] first = new byte[Math.Min(patch.LengthBytes, FirstReadBytes)];
        await patch.ReadAsync(0, first, cancellation);
        int indexBytes = IndexBytesOf(first, patch.LengthBytes);
        byte[] all = first;
        if (indexBytes > first.Length)
        {
            all = new byte[indexBytes];
            await patch.ReadAsync(0, all, cancellation);
        }
        return Decode(all.AsSpan(0, indexBytes));
    }

    /// <summary>Of a head, with its index.</summary>
    private static int IndexBytesOf(ReadOnlySpan<byte> head, long lengthBytes)
    {
        if (head.Length < HeadBytes || !head[..8].SequenceEqual("AFSPATCH"u8))
            throw Damaged();
        uint format = BinaryPrimitives.ReadUInt32LittleEndian(head[8..]);
        int count = BinaryPrimitives.ReadInt32LittleEndian(head[12..]);
        if (format is not (FormatOfBlocks or FormatOfPages) || count is < 0 or > MostEntries)
            throw Damaged();
        int indexBytes = HeadBytes + count * sizeof(uint);
        if (DataStartOf(format, indexBytes) + (long)count * (format == FormatOfBlocks ? Limits.BlockBytes : PageBytes) != lengthBytes)
            throw Damaged();
        return indexBytes;
    }

    /// <param name="all">The head and its index.</param>
    private static PatchIndex Decode(ReadOnlySpan<byte> all)
    {
        if (BinaryPrimitives.ReadUInt32LittleEndian(all[SumAt..]) != Sum(all))
            throw Damaged();
        uint format = BinaryPrimitives.ReadUInt32LittleEndian(all[8..]);
        bool isOfBlocks = format == FormatOfBlocks;
        uint[] numbers = new uint[(all.Length - HeadBytes) / sizeof(uint)];
        for (int i = 0; i < numbers.Length; i++)
            numbers[i] = BinaryPrimitives.ReadUInt32LittleEndian(all[(HeadBytes + i * sizeof(uint))..]);
        long baseLengthBytes = BinaryPrimitives.ReadInt64LittleEndian(all[32..]), lengthBytes = BinaryPrimitives.ReadInt64LittleEndian(all[16..]);
        if (baseLengthBytes < 0 || lengthBytes < baseLengthBytes || lengthBytes > Limits.FileBytes || !IsAscending(numbers, isOfBlocks ? MostBlock : uint.MaxValue))
            throw Damaged();
        var @base = new ObjectId(BinaryPrimitives.ReadUInt64LittleEndian(all[24..]));
        return new PatchIndex(@base, baseLengthBytes, lengthBytes, isOfBlocks ? [.. numbers.SelectMany(PagesOf)] : numbers, DataStartOf(format, all.Length));
    }

    private static long DataStartOf(uint format, int indexBytes) => format == FormatOfBlocks ? (indexBytes + PageBytes - 1) / PageBytes * PageBytes : indexBytes;

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

    private static uint Sum(ReadOnlySpan<byte> bytes)
    {
        var crc = new Crc32C();
        crc.Add(bytes[..SumAt]);
        crc.Add(bytes[HeadBytes..]);
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
    public static uint[] Outside(ContentParts parts, IContent current)
    {
        if (current is not PatchedContent patched)
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

    /// <summary>Whole pages, one after the other, with zeros behind the content's end.</summary>
    /// <exception cref="DiskException">The content couldn't be read.</exception>
    public static async ValueTask ReadAsync(IContent content, ReadOnlyMemory<uint> pages, Memory<byte> destination)
    {
        var ranges = new ContentRange[pages.Length];
        for (int i = 0; i < ranges.Length; i++)
        {
            long offset = (long)pages.Span[i] * PatchIndex.PageBytes;
            Memory<byte> page = destination.Slice(i * PatchIndex.PageBytes, PatchIndex.PageBytes);
            int count = (int)Math.Min(PatchIndex.PageBytes, content.LengthBytes - offset);
            page.Span[count..].Clear();
            ranges[i] = new ContentRange(offset, page[..count]);
        }
        await content.ReadAsync(ranges, CancellationToken.None);
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
    private readonly IContent _current;

    private PagePatch(PatchIndex index, ContentParts parts, ReadOnlyMemory<byte> sent, IContent current, uint crc32C) =>
        (_index, _parts, _sent, _current, Crc32C) = (index, parts, sent, current, crc32C);

    /// <summary>Of the whole content.</summary>
    public uint Crc32C { get; }

    /// <summary>The whole content beneath it.</summary>
    public ObjectId Base => _index.Base;

    /// <summary>Of the patch.</summary>
    public long LengthBytes => _index.FileBytes;

    /// <summary>Null: it would be too large.</summary>
    /// <param name="sent">The bytes of the parts, one extent after the other.</param>
    /// <exception cref="DiskException">The base couldn't be read.</exception>
    public static async ValueTask<PagePatch?> TryMakeAsync(ContentParts parts, ReadOnlyMemory<byte> sent, PartsBase @base)
    {
        IContent current = @base.Content, whole = current is PatchedContent over ? over.Base : current;
        byte[] inBase = ArrayPool<byte>.Shared.Rent(sent.Length);
        await ReadExtentsAsync(whole, parts, inBase);
        byte[] before = current is PatchedContent patched ? await PatchAsync(patched, parts, inBase, sent.Length) : inBase;
        uint[] changed = Compare(parts, sent.Span, before, inBase, new PartsChecksum(@base.Crc32C, current.LengthBytes, parts.LengthBytes), out uint crc32C);
        ArrayPool<byte>.Shared.Return(inBase);
        if (before != inBase)
            ArrayPool<byte>.Shared.Return(before);
        uint[] pages = PatchPages.Merge(changed, PatchPages.Outside(parts, current));
        if (!PatchLimits.Allow(pages.Length, parts.LengthBytes))
            return null;
        return new PagePatch(new PatchIndex(@base.Whole, whole.LengthBytes, parts.LengthBytes, pages), parts, sent, current, crc32C);
    }

    /// <summary>As it is kept.</summary>
    /// <exception cref="DiskException">An earlier patch couldn't be read.</exception>
    public async ValueTask<byte[]> ToBytesAsync()
    {
        byte[] bytes = new byte[_index.FileBytes];
        _index.Encode().CopyTo(bytes, 0);
        List<ContentRange> earlier = [];
        var cursor = new ExtentCursor(_parts.Extents);
        for (int i = 0; i < _index.Pages.Length; i++)
        {
            uint page = _index.Pages[i];
            _index.TryFind(page, out long at);
            Memory<byte> target = bytes.AsMemory((int)at, PatchIndex.PageBytes);
            long offset = (long)page * PatchIndex.PageBytes;
            if (PatchPages.Contains(_parts, page))
                CopySent(cursor, offset, target.Span);
            else
                earlier.Add(new ContentRange(offset, target[..(int)Math.Min(target.Length, _current.LengthBytes - offset)]));
        }
        if (earlier.Count > 0)
            await _current.ReadAsync(earlier.ToArray(), CancellationToken.None);
        return bytes;
    }

    /// <summary>With zeros behind the content's end.</summary>
    private static async ValueTask ReadExtentsAsync(IContent content, ContentParts parts, byte[] buffer)
    {
        var ranges = new List<ContentRange>(parts.Extents.Count);
        int at = 0;
        foreach (Extent extent in parts.Extents)
        {
            int count = (int)Math.Clamp(content.LengthBytes - extent.OffsetBytes, 0, extent.LengthBytes);
            if (count > 0)
                ranges.Add(new ContentRange(extent.OffsetBytes, buffer.AsMemory(at, count)));
            Array.Clear(buffer, at + count, (int)extent.LengthBytes - count);
            at += (int)extent.LengthBytes;
        }
        if (ranges.Count > 0)
            await content.ReadAsync(ranges.ToArray(), CancellationToken.None);
    }

    /// <summary>The extents as they are now: those of the base, and over them what the earlier patch has. A rented array.</summary>
    private static async ValueTask<byte[]> PatchAsync(PatchedContent patched, ContentParts parts, byte[] inBase, int bytes)
    {
        byte[] now = ArrayPool<byte>.Shared.Rent(bytes);
        inBase.AsSpan(0, bytes).CopyTo(now);
        List<ContentRange> areas = [];
        int at = 0;
        foreach (Extent extent in parts.Extents)
        {
            areas.Add(new ContentRange(extent.OffsetBytes, now.AsMemory(at, (int)extent.LengthBytes)));
            at += (int)extent.LengthBytes;
        }
        await patched.OverlayAsync(areas);
        return now;
    }

    /// <summary>The pages that differ from the base's.</summary>
    /// <param name="before">The extents as they are now.</param>
    private static uint[] Compare(ContentParts parts, ReadOnlySpan<byte> sent, byte[] before, byte[] inBase, PartsChecksum checksum, out uint crc32C)
    {
        uint[] changed = new uint[PatchPages.CountIn(parts)];
        (int from, int count) = (0, 0);
        foreach (Extent extent in parts.Extents)
        {
            int length = (int)extent.LengthBytes;
            ReadOnlySpan<byte> now = sent.Slice(from, length);
            checksum.Replace(extent.OffsetBytes, length, Platform.Crc32C.Of(before.AsSpan(from, length)), Platform.Crc32C.Of(now));
            AddDifferent(changed, ref count, extent, now, inBase.AsSpan(from, length));
            from += length;
        }
        Array.Resize(ref changed, count);
        crc32C = checksum.Value;
        return changed;
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
