namespace Afs.Rpc;

/// <summary>The sign of life that a Ping asks for. It has no content.</summary>
internal readonly record struct PongFrame : IFrame
{
    public static FrameType Type => FrameType.Pong;

    public int FixedBytes => 0;

    public static PongFrame Read(ReadOnlySpan<byte> content)
    {
        new FieldReader(Type, content).RequireEnd();
        return default;
    }

    public void Write(ref FieldWriter fields)
    {
    }
}
