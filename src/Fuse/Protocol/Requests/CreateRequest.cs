using Afs.Fuse.Abi;

namespace Afs.Fuse.Protocol;

/// <summary>CREATE, and TMPFILE, whose name says nothing.</summary>
internal readonly ref struct CreateRequest(ReadOnlySpan<byte> name, uint mode, uint umask, int openFlags)
{
    public ReadOnlySpan<byte> Name { get; } = name;

    public uint Mode { get; } = mode;

    public uint Umask { get; } = umask;

    public int OpenFlags { get; } = openFlags;

    public static Errno Parse(ReadOnlySpan<byte> body, out CreateRequest request)
    {
        var reader = new FrameReader(body);
        request = default;
        if (!reader.TryTake(out FuseCreateIn raw))
        {
            return Errno.EINVAL;
        }

        Errno error = reader.TakeName(out ReadOnlySpan<byte> name);
        request = new CreateRequest(name, raw.Mode, raw.Umask, (int)raw.Flags);
        return error;
    }

    public static Errno ParseTemporary(ReadOnlySpan<byte> body, out CreateRequest request)
    {
        var reader = new FrameReader(body);
        bool whole = reader.TryTake(out FuseCreateIn raw);
        request = new CreateRequest(default, raw.Mode, raw.Umask, (int)raw.Flags);
        return whole ? Errno.None : Errno.EINVAL;
    }
}
