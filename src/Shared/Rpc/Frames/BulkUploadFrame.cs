namespace Afs.Rpc;

/// <summary>
/// Announces content. Answered by a BulkStart, upon which the chunks go out, and a Reply; or by a Reply alone.
/// It is a mutation: its number is one of the session's calls.
/// <code>
/// | sequence (64) | replies seen through (64) | flags (8) | deadline in ms (32) | content length (64) | request message, to the end |
/// </code>
/// Flags: bit 0, the call was sent before.
/// </summary>
internal readonly record struct BulkUploadFrame(
    CallSequence Sequence, CallSequence SeenThrough, bool IsRetry, uint DeadlineMs, long LengthBytes) : IFrame
{
    public const int Bytes = 8 + 8 + 1 + 4 + 8;
    private const byte RetryFlag = 1;

    public static FrameType Type => FrameType.BulkUpload;

    public int FixedBytes => Bytes;

    public static BulkUploadFrame Read(ReadOnlySpan<byte> content)
    {
        var fields = new FieldReader(Type, content);
        var upload = new BulkUploadFrame(
            new CallSequence(fields.UInt64()),
            new CallSequence(fields.UInt64()),
            (fields.Byte() & RetryFlag) != 0,
            fields.UInt32(),
            fields.Length());
        CallWindow.Check(upload.Sequence, upload.SeenThrough);
        return upload;
    }

    public void Write(ref FieldWriter fields)
    {
        fields.UInt64(Sequence.Value);
        fields.UInt64(SeenThrough.Value);
        fields.Byte(IsRetry ? RetryFlag : (byte)0);
        fields.UInt32(DeadlineMs);
        fields.UInt64((ulong)LengthBytes);
    }
}
