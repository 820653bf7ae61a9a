namespace Afs.Rpc;

/// <summary>
/// The server's answer to a Hello that it accepts.
/// <code>
/// | session (64) | is new (8) | epoch (64) | lease in ms (32) | reset count (64) |
/// </code>
/// </summary>
internal readonly record struct WelcomeFrame(SessionId Session, bool IsNew, Epoch Epoch, uint LeaseMs, ulong ResetCount) : IFrame
{
    public static FrameType Type => FrameType.Welcome;

    public int FixedBytes => 8 + 1 + 8 + 4 + 8;

    public static WelcomeFrame Read(ReadOnlySpan<byte> content)
    {
        var fields = new FieldReader(Type, content);
        var welcome = new WelcomeFrame(
            new SessionId(fields.UInt64()), fields.Byte() != 0, new Epoch(fields.UInt64()), fields.UInt32(), fields.UInt64());
        fields.RequireEnd();
        return welcome;
    }

    public void Write(ref FieldWriter fields)
    {
        fields.UInt64(Session.Value);
        fields.Byte(IsNew ? (byte)1 : (byte)0);
        fields.UInt64(Epoch.Value);
        fields.UInt32(LeaseMs);
        fields.UInt64(ResetCount);
    }
}
