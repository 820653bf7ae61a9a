namespace Afs.Rpc;

/// <summary>
/// Asks for a sign of life on a quiet connection, and lets the server forget replies meanwhile. It extends no lease.
/// <code>
/// | replies seen through (64) |
/// </code>
/// </summary>
internal readonly record struct PingFrame(CallSequence SeenThrough) : IFrame
{
    public static FrameType Type => FrameType.Ping;

    public int FixedBytes => 8;

    public static PingFrame Read(ReadOnlySpan<byte> content)
    {
        var fields = new FieldReader(Type, content);
        var ping = new PingFrame(new CallSequence(fields.UInt64()));
        fields.RequireEnd();
        return ping;
    }

    public void Write(ref FieldWriter fields) => fields.UInt64(SeenThrough.Value);
}
