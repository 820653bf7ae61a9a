using System.Buffers;
using Afs.Platform;
using Afs.Wire;

namespace Afs.Venus.Cache;

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
