namespace Afs.Rpc;

/// <summary>
/// Asks for content. Answered by a BulkStart, chunks and a Reply, or by a Reply alone.
/// <code>
/// | deadline in ms (32) | request message, to the end |
/// </code>
/// </summary>
internal readonly record struct BulkDownloadFrame(uint DeadlineMs) : IFrame
{
    public const int Bytes = 4;

    public static FrameType Type => FrameType.BulkDownload;

    public int FixedBytes => Bytes;

    public static BulkDownloadFrame Read(ReadOnlySpan<byte> content)
    {
        var fields = new FieldReader(Type, content);
        return new BulkDownloadFrame(fields.UInt32());
    }

    public void Write(ref FieldWriter fields) => fields.UInt32(DeadlineMs);
}
