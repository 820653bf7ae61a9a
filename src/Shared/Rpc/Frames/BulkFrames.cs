namespace Afs.Rpc;

/// <summary>
/// Announces content. Answered by a BulkStart, upon which the chunks go out, and a Reply; or by a Reply alone.
/// It is a mutation: its number is one of the session's calls.
/// <code>
/// | sequence (64) | replies seen through (64) | flags (8) | deadline in ms (32) | caller (32) | content length (64) | request message, to the end |
/// </code>
/// Flags: bit 0, the call was sent before.
/// </summary>
internal readonly record struct BulkUploadFrame(
    CallSequence Sequence, CallSequence SeenThrough, bool IsRetry, uint DeadlineMs, CallerNumber Caller, long LengthBytes) : IFrame
{
    public const int Bytes = 8 + 8 + 1 + 4 + 4 + 8;
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
            new CallerNumber(fields.UInt32()),
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
        fields.UInt32(Caller.Value);
        fields.UInt64((ulong)LengthBytes);
    }
}

/// <summary>
/// Asks for content. Answered by a BulkStart, chunks and a Reply, or by a Reply alone.
/// <code>
/// | deadline in ms (32) | caller (32) | request message, to the end |
/// </code>
/// </summary>
internal readonly record struct BulkDownloadFrame(uint DeadlineMs, CallerNumber Caller) : IFrame
{
    public const int Bytes = 4 + 4;

    public static FrameType Type => FrameType.BulkDownload;

    public int FixedBytes => Bytes;

    public static BulkDownloadFrame Read(ReadOnlySpan<byte> content)
    {
        var fields = new FieldReader(Type, content);
        return new BulkDownloadFrame(fields.UInt32(), new CallerNumber(fields.UInt32()));
    }

    public void Write(ref FieldWriter fields)
    {
        fields.UInt32(DeadlineMs);
        fields.UInt32(Caller.Value);
    }
}

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
