using Afs.Fuse.Abi;

namespace Afs.Fuse.Protocol;

/// <summary>GETXATTR, and LISTXATTR, which has no name. A size of zero asks how long the answer would be.</summary>
internal readonly ref struct GetXattrRequest(ReadOnlySpan<byte> name, int sizeBytes)
{
    public ReadOnlySpan<byte> Name { get; } = name;

    /// <summary>The caller's room, at most <see cref="FuseProtocol.XattrMaxBytes"/>.</summary>
    public int SizeBytes { get; } = sizeBytes;

    public static Errno Parse(ReadOnlySpan<byte> body, out GetXattrRequest request)
    {
        var reader = new FrameReader(body);
        request = default;
        if (!reader.TryTake(out FuseGetXattrIn raw))
        {
            return Errno.EINVAL;
        }

        Errno error = reader.TakeText(FuseProtocol.NameMaxBytes, out ReadOnlySpan<byte> name);
        request = new GetXattrRequest(name, Clamp(raw.SizeBytes));
        return error == Errno.ENAMETOOLONG ? Errno.ERANGE : error;
    }

    public static Errno ParseList(ReadOnlySpan<byte> body, out GetXattrRequest request)
    {
        var reader = new FrameReader(body);
        bool whole = reader.TryTake(out FuseGetXattrIn raw);
        request = new GetXattrRequest(default, Clamp(raw.SizeBytes));
        return whole ? Errno.None : Errno.EINVAL;
    }

    private static int Clamp(uint sizeBytes) => (int)Math.Min(sizeBytes, FuseProtocol.XattrMaxBytes);
}
