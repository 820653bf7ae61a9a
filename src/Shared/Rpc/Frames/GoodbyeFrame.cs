namespace Afs.Rpc;

/// <summary>
/// The last frame of a connection that ends on purpose.
/// <code>
/// | why, UTF-8, to the end |
/// </code>
/// </summary>
internal readonly record struct GoodbyeFrame : IFrame
{
    public static FrameType Type => FrameType.Goodbye;

    public int FixedBytes => 0;

    public static string Read(ReadOnlySpan<byte> content) => new FieldReader(Type, content).Text();

    public void Write(ref FieldWriter fields)
    {
    }
}
