using Afs.Fuse.Abi;

namespace Afs.Fuse.Protocol;

/// <summary>FLUSH.</summary>
internal readonly record struct FlushRequest(FileHandle Handle, ulong LockOwner)
{
    public static Errno Parse(ReadOnlySpan<byte> body, out FlushRequest request)
    {
        var reader = new FrameReader(body);
        bool whole = reader.TryTake(out FuseFlushIn raw);
        request = new FlushRequest(new FileHandle(raw.Handle), raw.LockOwner);
        return whole ? Errno.None : Errno.EINVAL;
    }
}
