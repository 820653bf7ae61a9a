using Afs.Fuse.Abi;

namespace Afs.Fuse.Protocol;

/// <summary>GETATTR and STATX. The handle is that of the open file which fstat was called on, if any.</summary>
internal readonly record struct GetAttributesRequest(FileHandle? Handle)
{
    public static Errno Parse(ReadOnlySpan<byte> body, out GetAttributesRequest request)
    {
        var reader = new FrameReader(body);
        bool whole = reader.TryTake(out FuseGetAttrIn raw);
        request = new GetAttributesRequest(HandleOf(raw.Flags, raw.Handle));
        return whole ? Errno.None : Errno.EINVAL;
    }

    public static Errno ParseStatx(ReadOnlySpan<byte> body, out GetAttributesRequest request)
    {
        var reader = new FrameReader(body);
        bool whole = reader.TryTake(out FuseStatxIn raw);
        request = new GetAttributesRequest(HandleOf(raw.GetAttrFlags, raw.Handle));
        return whole ? Errno.None : Errno.EINVAL;
    }

    private static FileHandle? HandleOf(uint flags, ulong handle) =>
        (flags & FuseProtocol.GetAttrHandle) != 0 ? new FileHandle(handle) : null;
}
