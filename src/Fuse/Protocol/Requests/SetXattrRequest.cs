using Afs.Fuse.Abi;

namespace Afs.Fuse.Protocol;

/// <summary>SETXATTR, in its short form and in that of FUSE_SETXATTR_EXT.</summary>
internal readonly ref struct SetXattrRequest(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, uint flags, bool killSgid)
{
    public ReadOnlySpan<byte> Name { get; } = name;

    public ReadOnlySpan<byte> Value { get; } = value;

    public uint Flags { get; } = flags;

    public bool KillSgid { get; } = killSgid;

    public static Errno Parse(ReadOnlySpan<byte> body, bool isExtended, out SetXattrRequest request)
    {
        var reader = new FrameReader(body);
        request = default;
        FuseSetXattrExtension extension = default;
        if (!reader.TryTake(out FuseSetXattrIn raw) || (isExtended && !reader.TryTake(out extension)))
        {
            return Errno.EINVAL;
        }

        if (raw.SizeBytes > FuseProtocol.XattrMaxBytes)
        {
            return Errno.E2BIG;
        }

        Errno error = reader.TakeText(FuseProtocol.NameMaxBytes, out ReadOnlySpan<byte> name);
        if (error != Errno.None)
        {
            return error == Errno.ENAMETOOLONG ? Errno.ERANGE : error;
        }

        if (!reader.TryTakeBytes(raw.SizeBytes, out ReadOnlySpan<byte> value))
        {
            return Errno.EINVAL;
        }

        request = new SetXattrRequest(name, value, raw.Flags, (extension.SetXattrFlags & FuseProtocol.SetXattrKillSgid) != 0);
        return Errno.None;
    }
}
