using System.Buffers.Binary;
using Afs.Platform;
using Afs.Wire;

namespace Afs.Vice.Volumes.Content;

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
        if (!isHead || format is not (FormatOfBlocks or FormatOfPages) || count is < 0 or > MostEntries || HeadBytes + (long)count * sizeof(uint) > file.LengthBytes)
            throw Damaged();
        byte[] all = new byte[HeadBytes + count * sizeof(uint)];
        if (file.Read(0, all) != all.Length || BinaryPrimitives.ReadUInt32LittleEndian(all.AsSpan(SumAt)) != Sum(all))
            throw Damaged();
        uint[] numbers = new uint[count];
        for (int i = 0; i < count; i++)
            numbers[i] = BinaryPrimitives.ReadUInt32LittleEndian(all.AsSpan(HeadBytes + i * sizeof(uint)));
        bool isOfBlocks = format == FormatOfBlocks;
        var index = new PatchIndex(
            new ObjectId(BinaryPrimitives.ReadUInt64LittleEndian(all.AsSpan(24))),
            BinaryPrimitives.ReadInt64LittleEndian(all.AsSpan(32)),
            BinaryPrimitives.ReadInt64LittleEndian(all.AsSpan(16)),
            isOfBlocks ? [.. numbers.SelectMany(PagesOf)] : numbers,
            isOfBlocks ? (all.Length + PageBytes - 1) / PageBytes * PageBytes : all.Length);
        return index.FileBytes == file.LengthBytes ? index : throw Damaged();
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
