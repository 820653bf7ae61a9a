using Afs.Fuse.Abi;

namespace Afs.Fuse.Protocol;

/// <summary>RELEASE and RELEASEDIR.</summary>
internal readonly record struct ReleaseRequest(FileHandle Handle, int OpenFlags, bool FlockUnlock, ulong LockOwner)
{
    public static Errno Parse(ReadOnlySpan<byte> body, out ReleaseRequest request)
    {
        var reader = new FrameReader(body);
        bool whole = reader.TryTake(out FuseReleaseIn raw);
        bool unlock = (raw.ReleaseFlags & FuseProtocol.ReleaseFlockUnlock) != 0;
        request = new ReleaseRequest(new FileHandle(raw.Handle), (int)raw.Flags, unlock, raw.LockOwner);
        return whole ? Errno.None : Errno.EINVAL;
    }
}
