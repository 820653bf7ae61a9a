namespace Afs.Rpc;

/// <summary>
/// A connection's first frame, from the client. The first two fields stay where they are in every version, so that each side can name the other's.
/// <code>
/// | magic "AFSR" (32) | version (16) | role (8) | client (128) | session, or 0 for a new one (64) |
/// </code>
/// </summary>
internal readonly record struct HelloFrame(ushort Version, ConnectionRole Role, ClientId Client, SessionId Session) : IFrame
{
    private const uint Magic = 0x41465352;

    public static FrameType Type => FrameType.Hello;

    public int FixedBytes => 4 + 2 + 1 + 16 + 8;

    /// <summary>Where the version is another, only it is read.</summary>
    public static HelloFrame Read(ReadOnlySpan<byte> content)
    {
        var fields = new FieldReader(Type, content);
        if (fields.UInt32() != Magic)
            throw new MalformedMessageException("Malformed Hello frame: the peer speaks another protocol.");
        ushort version = fields.UInt16();
        if (version != ProtocolVersion.Current)
            return new HelloFrame(version, default, default, default);
        var role = (ConnectionRole)fields.Byte();
        if (role is not (ConnectionRole.Control or ConnectionRole.Bulk))
            throw new MalformedMessageException($"Malformed Hello frame: there is no role {(byte)role}.");
        var hello = new HelloFrame(version, role, new ClientId(fields.UInt64(), fields.UInt64()), new SessionId(fields.UInt64()));
        fields.RequireEnd();
        return hello;
    }

    public void Write(ref FieldWriter fields)
    {
        fields.UInt32(Magic);
        fields.UInt16(Version);
        fields.Byte((byte)Role);
        fields.UInt64(Client.High);
        fields.UInt64(Client.Low);
        fields.UInt64(Session.Value);
    }
}
