using Afs.Fuse.Abi;

namespace Afs.Fuse.Protocol;

/// <summary>SYMLINK: the name of the link, and what it points to.</summary>
internal readonly ref struct SymLinkRequest(ReadOnlySpan<byte> name, ReadOnlySpan<byte> target)
{
    public ReadOnlySpan<byte> Name { get; } = name;

    public ReadOnlySpan<byte> Target { get; } = target;

    public static Errno Parse(ReadOnlySpan<byte> body, out SymLinkRequest request)
    {
        var reader = new FrameReader(body);
        request = default;
        Errno error = reader.TakeName(out ReadOnlySpan<byte> name);
        if (error != Errno.None)
        {
            return error;
        }

        error = reader.TakeText(FuseProtocol.LinkTargetMaxBytes, out ReadOnlySpan<byte> target);
        request = new SymLinkRequest(name, target);
        return error;
    }
}
