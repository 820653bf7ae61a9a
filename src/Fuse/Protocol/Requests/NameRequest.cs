namespace Afs.Fuse.Protocol;

/// <summary>LOOKUP, UNLINK and RMDIR: one name in the node of the header.</summary>
internal readonly ref struct NameRequest(ReadOnlySpan<byte> name)
{
    public ReadOnlySpan<byte> Name { get; } = name;

    public static Errno Parse(ReadOnlySpan<byte> body, out NameRequest request)
    {
        var reader = new FrameReader(body);
        Errno error = reader.TakeName(out ReadOnlySpan<byte> name);
        request = new NameRequest(name);
        return error;
    }
}
