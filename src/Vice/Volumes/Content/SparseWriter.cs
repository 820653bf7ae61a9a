using Afs.Platform;

namespace Afs.Vice.Volumes.Content;

/// <summary>Writes a new content from its beginning to its end, leaves holes where it is zero, and sums it up.</summary>
internal sealed class SparseWriter(IDiskFile file)
{
    private Crc32C _crc;

    public long LengthBytes { get; private set; }

    public uint Crc32C => _crc.Value;

    public void Append(ReadOnlySpan<byte> data)
    {
        _crc.Add(data);
        SparseWrite.Run(file, LengthBytes, data);
        LengthBytes += data.Length;
    }

    /// <summary>The length, where the content ends in a hole.</summary>
    public void Finish() => file.SetLength(LengthBytes);
}
