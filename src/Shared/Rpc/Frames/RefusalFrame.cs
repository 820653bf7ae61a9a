namespace Afs.Rpc;

/// <summary>
/// The server's answer to a Hello that it doesn't accept. Its layout is the same in every version. The connection ends after it.
/// <code>
/// | reason (8) | server's version (16) | text, UTF-8, to the end |
/// </code>
/// </summary>
internal readonly record struct RefusalFrame(RefusalReason Reason, ushort ServerVersion) : IFrame
{
    public static FrameType Type => FrameType.Refusal;

    public int FixedBytes => 1 + 2;

    public static RefusalFrame Read(ReadOnlySpan<byte> content, out string text)
    {
        var fields = new FieldReader(Type, content);
        var refusal = new RefusalFrame((RefusalReason)fields.Byte(), fields.UInt16());
        text = fields.Text();
        return refusal;
    }

    public void Write(ref FieldWriter fields)
    {
        fields.Byte((byte)Reason);
        fields.UInt16(ServerVersion);
    }
}
