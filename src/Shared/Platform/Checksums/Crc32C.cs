using System.Numerics;
using System.Runtime.InteropServices;

namespace Afs.Platform;

/// <summary>CRC32C (Castagnoli, RFC 3720 appendix B.4), as it protects every file's content from the writer's disk to the reader's.</summary>
public struct Crc32C
{
    // Kept inverted, so that the default value is the checksum of nothing.
    private uint _inverted;

    /// <summary>Of all that was added. Of nothing: zero.</summary>
    public readonly uint Value => _inverted;

    public static uint Of(ReadOnlySpan<byte> data)
    {
        var crc = new Crc32C();
        crc.Add(data);
        return crc.Value;
    }

    /// <summary>Of a content with this checksum, to go on behind it.</summary>
    public static Crc32C From(uint value) => new() { _inverted = value };

    /// <summary>
    /// The checksum of a content in which some bytes were replaced by as many others. Of the two pieces only their checksums count, and how many
    /// bytes come behind them: the checksum is linear.
    /// </summary>
    public static uint Replace(uint whole, uint before, uint after, long behindBytes) => whole ^ Crc32CShift.Over(before ^ after, behindBytes);

    /// <summary>Adds zeros, however many, in microseconds.</summary>
    public void AddZeros(long count) => _inverted = ~Crc32CShift.Over(~_inverted, count);

    /// <summary>Adds the next bytes.</summary>
    public void Add(ReadOnlySpan<byte> data)
    {
        uint crc = ~_inverted;
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(data);
        foreach (ulong word in words)
            crc = BitOperations.Crc32C(crc, word);
        foreach (byte rest in data[(words.Length * sizeof(ulong))..])
            crc = BitOperations.Crc32C(crc, rest);
        _inverted = ~crc;
    }
}
