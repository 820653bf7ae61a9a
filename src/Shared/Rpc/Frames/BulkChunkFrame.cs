namespace Afs.Rpc;

/// <summary>
/// Content. Chunks come in order without gaps; one that doesn't ends the connection.
/// <code>
/// | offset (64) | content, to the end |
/// </code>
/// </summary>
internal readonly record struct BulkChunkFrame(long Offset) : IFrame
{
    public const int Bytes = 8;

    /// <summary>Length field, type and fixed part: the room to leave before a chunk's content.</summary>
    public const int HeadBytes = FrameLimits.PrefixBytes + 1 + Bytes;

    public static FrameType Type => FrameType.BulkChunk;

    public int FixedBytes => Bytes;

    public static BulkChunkFrame Read(ReadOnlySpan<byte> content)
    {
        var fields = new FieldReader(Type, content);
        return new BulkChunkFrame(fields.Length());
    }

    public void Write(ref FieldWriter fields) => fields.UInt64((ulong)Offset);
}
