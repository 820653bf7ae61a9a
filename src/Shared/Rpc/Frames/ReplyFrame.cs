namespace Afs.Rpc;

/// <summary>
/// The reply to a call, or the end of a bulk exchange. Epoch and reset count are zero in a client's replies.
/// <code>
/// | sequence (64) | status (8) | abort code (32) | epoch (64) | reset count (64) | reply message, to the end |
/// </code>
/// </summary>
internal readonly record struct ReplyFrame(
    CallSequence Sequence, ReplyStatus Status, AbortCode Abort, Epoch Epoch, ulong ResetCount) : IFrame
{
    public const int Bytes = 8 + 1 + 4 + 8 + 8;

    public static FrameType Type => FrameType.Reply;

    public int FixedBytes => Bytes;

    /// <summary>The reply message follows the first <see cref="Bytes"/> bytes of the content.</summary>
    public static ReplyFrame Read(ReadOnlySpan<byte> content)
    {
        var fields = new FieldReader(Type, content);
        var reply = new ReplyFrame(
            new CallSequence(fields.UInt64()),
            (ReplyStatus)fields.Byte(),
            new AbortCode((int)fields.UInt32()),
            new Epoch(fields.UInt64()),
            fields.UInt64());
        if (reply.Status > ReplyStatus.SessionUnknown)
            throw new MalformedMessageException($"Malformed Reply frame: there is no status {(byte)reply.Status}.");
        return reply;
    }

    public void Write(ref FieldWriter fields)
    {
        fields.UInt64(Sequence.Value);
        fields.Byte((byte)Status);
        fields.UInt32((uint)Abort.Value);
        fields.UInt64(Epoch.Value);
        fields.UInt64(ResetCount);
    }
}
