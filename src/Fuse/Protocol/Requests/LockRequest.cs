using Afs.Fuse.Abi;

namespace Afs.Fuse.Protocol;

/// <summary>GETLK, SETLK and SETLKW.</summary>
internal readonly record struct LockRequest(FileHandle Handle, FileLock Lock)
{
    public static Errno Parse(ReadOnlySpan<byte> body, out LockRequest request)
    {
        var reader = new FrameReader(body);
        request = default;
        if (!reader.TryTake(out FuseLkIn raw) || raw.Lock.Kind > (uint)FileLockKind.Unlock || raw.Lock.Start > raw.Lock.End)
        {
            return Errno.EINVAL;
        }

        bool isFlock = (raw.Flags & FuseProtocol.LockIsFlock) != 0;
        var wanted = new FileLock(raw.Owner, raw.Lock.Start, raw.Lock.End, (FileLockKind)raw.Lock.Kind, raw.Lock.Pid, isFlock);
        request = new LockRequest(new FileHandle(raw.Handle), wanted);
        return Errno.None;
    }
}
