using Afs.Fuse.Abi;

namespace Afs.Fuse.Protocol;

/// <summary>LSEEK, which the kernel sends for SEEK_DATA and SEEK_HOLE alone.</summary>
internal readonly record struct SeekRequest(FileHandle Handle, long Offset, uint Whence)
{
    public static Errno Parse(ReadOnlySpan<byte> body, out SeekRequest request)
    {
        var reader = new FrameReader(body);
        bool whole = reader.TryTake(out FuseLSeekIn raw);
        request = new SeekRequest(new FileHandle(raw.Handle), (long)raw.Offset, raw.Whence);
        return whole ? Errno.None : Errno.EINVAL;
    }
}
