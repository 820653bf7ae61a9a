using Afs.Fuse.Abi;

namespace Afs.Fuse.Protocol;

/// <summary>MKNOD and MKDIR. With FUSE_DONT_MASK the mode is as the caller gave it, and the umask beside it.</summary>
internal readonly ref struct MakeNodeRequest(ReadOnlySpan<byte> name, uint mode, uint deviceNumber, uint umask)
{
    public ReadOnlySpan<byte> Name { get; } = name;

    public uint Mode { get; } = mode;

    public uint DeviceNumber { get; } = deviceNumber;

    public uint Umask { get; } = umask;

    public static Errno Parse(ReadOnlySpan<byte> body, out MakeNodeRequest request)
    {
        var reader = new FrameReader(body);
        request = default;
        if (!reader.TryTake(out FuseMkNodIn raw))
        {
            return Errno.EINVAL;
        }

        Errno error = reader.TakeName(out ReadOnlySpan<byte> name);
        request = new MakeNodeRequest(name, raw.Mode, raw.DeviceNumber, raw.Umask);
        return error;
    }

    public static Errno ParseDirectory(ReadOnlySpan<byte> body, out MakeNodeRequest request)
    {
        var reader = new FrameReader(body);
        request = default;
        if (!reader.TryTake(out FuseMkDirIn raw))
        {
            return Errno.EINVAL;
        }

        Errno error = reader.TakeName(out ReadOnlySpan<byte> name);
        request = new MakeNodeRequest(name, raw.Mode, 0, raw.Umask);
        return error;
    }
}
