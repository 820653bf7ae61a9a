namespace Afs.Rpc;

/// <summary>
/// A call. The same in both directions; the session is the client's in both, each direction counts its calls by itself.
/// <code>
/// | session (64) | sequence (64) | replies seen through (64) | operation (16) | flags (8) | deadline in ms (32) | request message, to the end |
/// </code>
/// Flags: bit 0, the call was sent before.
/// </summary>
internal readonly record struct RequestFrame(
    SessionId Session, CallSequence Sequence, CallSequence SeenThrough, ushort Operation, bool IsRetry, uint DeadlineMs) : IFrame
{
    public const int Bytes = 8 + 8 + 8 + 2 + 1 + 4;
    private const byte RetryFlag = 1;

    public static FrameType Type => FrameType.Request;

    public int FixedBytes => Bytes;

    /// <summary>The request message follows the first <see cref="Bytes"/> bytes of the content.</summary>
    public static RequestFrame Read(ReadOnlySpan<byte> content)
    {
        var fields = new FieldReader(Type, content);
        var request = new RequestFrame(
            new SessionId(fields.UInt64()),
            new CallSequence(fields.UInt64()),
            new CallSequence(fields.UInt64()),
            fields.UInt16(),
            (fields.Byte() & RetryFlag) != 0,
            fields.UInt32());
        CallWindow.Check(request.Sequence, request.SeenThrough);
        return request;
    }

    public void Write(ref FieldWriter fields)
    {
        fields.UInt64(Session.Value);
        fields.UInt64(Sequence.Value);
        fields.UInt64(SeenThrough.Value);
        fields.UInt16(Operation);
        fields.Byte(IsRetry ? RetryFlag : (byte)0);
        fields.UInt32(DeadlineMs);
    }
}
