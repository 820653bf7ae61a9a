using Afs.Fuse.Abi;

namespace Afs.Fuse.Protocol;

/// <summary>FSYNC and FSYNCDIR.</summary>
internal readonly record struct FsyncRequest(FileHandle Handle, bool DataOnly)
{
    public static Errno Parse(ReadOnlySpan<byte> body, out FsyncRequest request)
    {
        var reader = new FrameReader(body);
        bool whole = reader.TryTake(out FuseFsyncIn raw);
        request = new FsyncRequest(new FileHandle(raw.Handle), (raw.Flags & FuseProtocol.FsyncDataOnly) != 0);
        return whole ? Errno.None : Errno.EINVAL;
    }
}
