using Afs.Fuse.Abi;

namespace Afs.Fuse.Protocol;

/// <summary>OPEN and OPENDIR.</summary>
internal readonly record struct OpenRequest(int OpenFlags, bool KillSuidGid)
{
    public static Errno Parse(ReadOnlySpan<byte> body, out OpenRequest request)
    {
        var reader = new FrameReader(body);
        bool whole = reader.TryTake(out FuseOpenIn raw);
        request = new OpenRequest((int)raw.Flags, (raw.OpenFlags & FuseProtocol.OpenKillSuidGid) != 0);
        return whole ? Errno.None : Errno.EINVAL;
    }
}
