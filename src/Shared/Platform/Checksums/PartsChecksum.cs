namespace Afs.Platform;

/// <summary>
/// The CRC32C of a content that is made from a shorter or equally long base, zeros behind it, and parts that replace some of both. Only the parts
/// are read. Not safe for concurrent use.
/// </summary>
public sealed class PartsChecksum
{
    private readonly long _lengthBytes;

    public PartsChecksum(uint baseCrc32C, long baseLengthBytes, long lengthBytes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(baseLengthBytes, lengthBytes);
        _lengthBytes = lengthBytes;
        var crc = Crc32C.From(baseCrc32C);
        crc.AddZeros(lengthBytes - baseLengthBytes);
        Value = crc.Value;
    }

    /// <summary>With all parts so far.</summary>
    public uint Value { get; private set; }

    /// <summary>Bytes at an offset, no byte twice.</summary>
    /// <param name="before">The checksum of what was there: of the base, or of as many zeros.</param>
    /// <param name="after">The checksum of what is there.</param>
    public void Replace(long offset, long countBytes, uint before, uint after) =>
        Value = Crc32C.Replace(Value, before, after, _lengthBytes - offset - countBytes);
}
