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
