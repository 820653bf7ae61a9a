using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Afs.Platform;
using Afs.Wire;
using Microsoft.Win32.SafeHandles;

namespace Afs.Venus.Cache;

/// <summary>Computes the sums of a container's blocks, on some processors at once. Holes aren't read.</summary>
internal sealed class BlockScanner(BlockHashKey key)
{
    /// <summary>What one processor takes at a time.</summary>
    private const int RunBlocks = 16;

    /// <summary>Beside the caller's thread.</summary>
    private static readonly int Helpers = Math.Min(4, Environment.ProcessorCount) - 1;

    /// <summary>May take as long as reading the file. The file may change meanwhile: then the sums are of no version.</summary>
    /// <param name="withCrc32C">False: the CRC32C of blocks is left as of zeros.</param>
    /// <exception cref="ShrunkException">The file ends before its length.</exception>
    /// <exception cref="DiskException">It can't be read.</exception>
    public BlockSums Scan(IDiskFile file, long lengthBytes, bool withCrc32C)
    {
        BlockSums sums;
        using (IBlockHasher hasher = key.MakeHasher())
            sums = BlockSums.OfZeros(lengthBytes, hasher);
        List<(long First, long End)> runs = [.. RunsOf(Extents.Cover(DataRuns.Of(file), lengthBytes))];
        // A few blocks are not worth another processor.
        if (runs.Sum(static run => run.End - run.First) > RunBlocks)
        {
            ScanTogether(runs, file, sums, withCrc32C);
            return sums;
        }
        using var scanner = new RunScanner(key.MakeHasher(), file, sums, withCrc32C);
        foreach ((long first, long end) in runs)
            scanner.Scan(first, end);
        return sums;
    }

    /// <summary>
    /// All read in the same region of the file, each the next run that nobody has: an eighth faster than a region for each, as the runtime would deal them out.
    /// </summary>
    private void ScanTogether(List<(long First, long End)> runs, IDiskFile file, BlockSums sums, bool withCrc32C)
    {
        int next = -1;
        Task[] helpers = [.. Enumerable.Range(0, Helpers).Select(_ => Task.Run(ScanRest))];
        var mine = new Task(ScanRest);
        mine.RunSynchronously();
        try
        {
            Task.WaitAll([mine, .. helpers]);
        }
        catch (AggregateException e) when (e.InnerExceptions.All(static i => i is ShrunkException or DiskException))
        {
            throw e.InnerException!;
        }

        void ScanRest()
        {
            using var scanner = new RunScanner(key.MakeHasher(), file, sums, withCrc32C);
            for (int run; (run = Interlocked.Increment(ref next)) < runs.Count;)
                scanner.Scan(runs[run].First, runs[run].End);
        }
    }

    private static IEnumerable<(long First, long End)> RunsOf(IReadOnlyList<Extent> data)
    {
        foreach (Extent extent in data)
        {
            long end = (extent.EndBytes + Limits.BlockBytes - 1) / Limits.BlockBytes;
            for (long first = extent.OffsetBytes / Limits.BlockBytes; first < end; first += RunBlocks)
                yield return (first, Math.Min(first + RunBlocks, end));
        }
    }
}

/// <summary>Sums up runs of a file's blocks, on one thread. It reads as much at a time as stays in the processor's own cache until it is hashed.</summary>
internal sealed class RunScanner(IBlockHasher hasher, IDiskFile file, BlockSums sums, bool withCrc32C) : IDisposable
{
    private const int ReadBlocks = 4;

    private readonly byte[] _buffer = ArrayPool<byte>.Shared.Rent(ReadBlocks * Limits.BlockBytes);

    /// <exception cref="ShrunkException">The file ends before its length.</exception>
    /// <exception cref="DiskException">It can't be read.</exception>
    public void Scan(long first, long end)
    {
        for (; first < end; first += ReadBlocks)
        {
            long last = Math.Min(first + ReadBlocks, end) - 1;
            Span<byte> bytes = _buffer.AsSpan(0, (int)(last - first) * Limits.BlockBytes + sums.BytesOf(last));
            if (file.Read(first * Limits.BlockBytes, bytes) != bytes.Length)
                throw new ShrunkException();
            for (long block = first; block <= last; block++)
                Sum(block, bytes.Slice((int)(block - first) * Limits.BlockBytes, sums.BytesOf(block)));
        }
    }

    public void Dispose()
    {
        hasher.Dispose();
        ArrayPool<byte>.Shared.Return(_buffer);
    }

    private void Sum(long block, ReadOnlySpan<byte> bytes) => sums.Set(block, hasher.Hash(bytes), withCrc32C ? Crc32C.Of(bytes) : sums.Crc32COf(block));
}

/// <summary>
/// The inner loops of <see cref="PolynomialHasher"/>: adds groups of a block to the sums of its strands, not yet reduced to the field. Compiled at their best from the
/// first call: a file can be large before they would be found hot.
/// </summary>
internal static class StrandSums
{
    private const int PieceWords = PolynomialKey.PieceWords, PairWords = 2, DataStrands = PolynomialKey.Strands - 1;

    /// <summary>Four pairs at a time (AVX-512).</summary>
    public static void AddWide(ReadOnlySpan<ulong> words, ReadOnlySpan<ulong> powers, Span<Vector128<ulong>> sums)
    {
        Span<Vector512<ulong>> wide = stackalloc Vector512<ulong>[PolynomialKey.Strands];
        SumWide(words, powers, wide);
        for (int strand = 0; strand < wide.Length; strand++)
            sums[strand] ^= Fold(wide[strand]);
    }

    /// <summary>
    /// Per 64 bytes two loads and 1.1 multiplications. It calls nothing, so that the sums stay in registers: .NET saves none of them over a call, and would
    /// store and load all nine for each group.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SumWide(ReadOnlySpan<ulong> words, ReadOnlySpan<ulong> powers, Span<Vector512<ulong>> sums)
    {
        ref ulong data = ref MemoryMarshal.GetReference(words), keys = ref MemoryMarshal.GetReference(powers);
        Vector512<ulong> s0 = default, s1 = default, s2 = default, s3 = default, s4 = default, s5 = default, s6 = default, s7 = default, s8 = default;
        nuint groups = (nuint)(words.Length / (DataStrands * PieceWords));
        for (nuint group = 0; group < groups; group++)
        {
            nuint at = group * (DataStrands * PieceWords), power = group * PolynomialKey.GroupPowers;
            Vector512<ulong> sum = Vector512.LoadUnsafe(ref data, at);
            s0 ^= Product(sum, ref keys, power);
            s1 ^= Product(Next(ref data, at + PieceWords, ref sum), ref keys, power + PieceWords);
            s2 ^= Product(Next(ref data, at + 2 * PieceWords, ref sum), ref keys, power + 2 * PieceWords);
            s3 ^= Product(Next(ref data, at + 3 * PieceWords, ref sum), ref keys, power + 3 * PieceWords);
            s4 ^= Product(Next(ref data, at + 4 * PieceWords, ref sum), ref keys, power + 4 * PieceWords);
            s5 ^= Product(Next(ref data, at + 5 * PieceWords, ref sum), ref keys, power + 5 * PieceWords);
            s6 ^= Product(Next(ref data, at + 6 * PieceWords, ref sum), ref keys, power + 6 * PieceWords);
            s7 ^= Product(Next(ref data, at + 7 * PieceWords, ref sum), ref keys, power + 7 * PieceWords);
            s8 ^= Product(sum, ref keys, power + 8 * PieceWords);
        }
        ref Vector512<ulong> sum0 = ref MemoryMarshal.GetReference(sums);
        sum0 = s0;
        Unsafe.Add(ref sum0, 1) = s1;
        Unsafe.Add(ref sum0, 2) = s2;
        Unsafe.Add(ref sum0, 3) = s3;
        Unsafe.Add(ref sum0, 4) = s4;
        Unsafe.Add(ref sum0, 5) = s5;
        Unsafe.Add(ref sum0, 6) = s6;
        Unsafe.Add(ref sum0, 7) = s7;
        Unsafe.Add(ref sum0, 8) = s8;
    }

    /// <summary>One pair at a time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddNarrow(ReadOnlySpan<ulong> words, ReadOnlySpan<ulong> powers, Span<Vector128<ulong>> sums)
    {
        for (; !words.IsEmpty; words = words[(DataStrands * PieceWords)..], powers = powers[PolynomialKey.GroupPowers..])
        {
            for (int word = 0; word < PieceWords; word += PairWords)
            {
                Vector128<ulong> sum = default;
                for (int strand = 0; strand < DataStrands; strand++)
                {
                    var pair = Vector128.Create(words.Slice(strand * PieceWords + word, PairWords));
                    sum ^= pair;
                    sums[strand] ^= Product(pair, powers[(strand * PieceWords + word)..]);
                }
                sums[DataStrands] ^= Product(sum, powers[(DataStrands * PieceWords + word)..]);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Next(ref ulong data, nuint at, ref Vector512<ulong> sum)
    {
        Vector512<ulong> pairs = Vector512.LoadUnsafe(ref data, at);
        sum ^= pairs;
        return pairs;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Product(Vector512<ulong> pairs, ref ulong keys, nuint power)
    {
        Vector512<ulong> keyed = pairs ^ Vector512.LoadUnsafe(ref keys, power);
        return Pclmulqdq.V512.CarrylessMultiply(keyed, keyed, 1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<ulong> Product(Vector128<ulong> pair, ReadOnlySpan<ulong> powers)
    {
        Vector128<ulong> keyed = pair ^ Vector128.Create(powers[..PairWords]);
        return Pclmulqdq.CarrylessMultiply(keyed, keyed, 1);
    }

    private static Vector128<ulong> Fold(Vector512<ulong> sum)
    {
        Vector256<ulong> half = sum.GetLower() ^ sum.GetUpper();
        return half.GetLower() ^ half.GetUpper();
    }
}

/// <summary>Computes the sums of blocks that arrive in order, in pieces of any length. Not safe for concurrent use.</summary>
/// <param name="hasher">Belongs to this from here on.</param>
/// <param name="sums">Gets them; those of blocks that don't come stay as they are.</param>
internal sealed class ArrivingSums(IBlockHasher hasher, BlockSums sums) : IDisposable
{
    private byte[] _partial = [];
    private int _partialBytes;

    public BlockSums Sums => sums;

    /// <param name="offset">Of the content: where the last piece ended, or the beginning of a block.</param>
    public void Add(long offset, ReadOnlySpan<byte> data)
    {
        while (!data.IsEmpty)
        {
            long block = offset / Limits.BlockBytes;
            int missing = sums.BytesOf(block) - (int)(offset % Limits.BlockBytes), count = Math.Min(missing, data.Length);
            if (count == sums.BytesOf(block))
                Sum(block, data[..count]);
            else
                AddPartial(block, data[..count]);
            offset += count;
            data = data[count..];
        }
    }

    /// <summary>What came is forgotten, for a content that comes again from its beginning.</summary>
    public void Restart() => _partialBytes = 0;

    public void Dispose() => hasher.Dispose();

    private void AddPartial(long block, ReadOnlySpan<byte> piece)
    {
        if (_partial.Length == 0)
            _partial = new byte[Limits.BlockBytes];
        piece.CopyTo(_partial.AsSpan(_partialBytes));
        _partialBytes += piece.Length;
        if (_partialBytes < sums.BytesOf(block))
            return;
        Sum(block, _partial.AsSpan(0, _partialBytes));
        _partialBytes = 0;
    }

    private void Sum(long block, ReadOnlySpan<byte> bytes) => sums.Set(block, hasher.Hash(bytes), Crc32C.Of(bytes));
}

/// <summary>
/// Sees to it that the sums of a large container's version are known before it is written. Fetches and stores compute them on the way; after a restart
/// the file is read for them.
/// </summary>
internal sealed class BlockKeeper(BlockHashKey key, BlockScanner scanner, IBlockingWork work)
{
    /// <summary>For a content that will arrive whole. Null: too short or too long for sums.</summary>
    public ArrivingSums? ForWhole(long lengthBytes) => HasSums(lengthBytes) ? new(key.MakeHasher(), BlockSums.OfNothing(lengthBytes)) : null;

    /// <summary>For a content of which parts will arrive. Null: too short or too long for sums, or those of the older version aren't known.</summary>
    /// <param name="base">The container of the older version; null: zeros.</param>
    public ArrivingSums? ForParts(ContentParts parts, Container? @base)
    {
        if (!HasSums(parts.LengthBytes) || @base is { Blocks: null })
            return null;
        IBlockHasher hasher = key.MakeHasher();
        return new(hasher, @base?.Blocks!.Extended(parts.LengthBytes, hasher) ?? BlockSums.OfZeros(parts.LengthBytes, hasher));
    }

    /// <summary>Costs one reading of the file, where they aren't known. The caller keeps it pinned. A file that can't be read now shows that when it is used.</summary>
    public async ValueTask PrepareAsync(Container container)
    {
        long lengthBytes = container.Baseline.LengthBytes;
        if (container.Blocks is not null || container.IsLocal || !HasSums(lengthBytes))
            return;
        int writesBegun = container.WritesBegun;
        BlockSums? sums = await work.RunAsync(() => Scan(container, lengthBytes));
        if (sums is not null && sums.WholeCrc32C() == container.Crc32C)
            container.AdoptBlocks(sums, writesBegun);
    }

    private static bool HasSums(long lengthBytes) => lengthBytes >= StorePlanner.LeastBytes && BlockSums.CanHold(lengthBytes);

    /// <summary>Null: it is shorter than it was.</summary>
    private BlockSums? Scan(Container container, long lengthBytes)
    {
        try
        {
            return scanner.Scan(container.File, lengthBytes, withCrc32C: true);
        }
        catch (ShrunkException)
        {
            return null;
        }
    }
}

/// <summary>
/// A container's file as a store reads it: each range is protected right before it is read, so that what a mapping writes behind the reader shows in the
/// file's ctime. Doing so for the whole file first would keep the store waiting for the disk. Doesn't own the file.
/// </summary>
internal sealed class ProtectedFile(IDiskFile file, IContainerFiles files) : IDiskFile
{
    public long LengthBytes => file.LengthBytes;

    public SafeFileHandle? Handle => file.Handle;

    public int Read(long offset, Span<byte> destination)
    {
        files.ProtectMapped(file, offset, destination.Length);
        return file.Read(offset, destination);
    }

    public DataRun NextData(long offset) => file.NextData(offset);

    public void Write(long offset, ReadOnlySpan<byte> data) => file.Write(offset, data);

    public void SetLength(long lengthBytes) => file.SetLength(lengthBytes);

    public void CheckWritten() => file.CheckWritten();

    public void Sync() => file.Sync();

    public void Dispose()
    {
    }
}
