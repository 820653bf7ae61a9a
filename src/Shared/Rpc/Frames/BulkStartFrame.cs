namespace Afs.Rpc;

/// <summary>
/// The server is ready: chunks follow, from it (download) or to it (upload).
/// <code>
/// | content length (64) |
/// </code>
/// </summary>
internal readonly record struct BulkStartFrame(long LengthBytes) : IFrame
{
    public static FrameType Type => FrameType.BulkStart;

    public int FixedBytes => 8;

    public static BulkStartFrame Read(ReadOnlySpan<byte> content)
    {
        var fields = new FieldReader(Type, content);
        var start = new BulkStartFrame(fields.Length());
        fields.RequireEnd();
        return start;
    }

    public void Write(ref FieldWriter fields) => fields.UInt64((ulong)LengthBytes);
}
