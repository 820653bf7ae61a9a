using Afs.Fuse.Abi;

namespace Afs.Fuse.Protocol;

/// <summary>FALLOCATE.</summary>
internal readonly record struct FallocateRequest(FileHandle Handle, long Offset, long LengthBytes, uint Mode)
{
    public static Errno Parse(ReadOnlySpan<byte> body, out FallocateRequest request)
    {
        var reader = new FrameReader(body);
        request = default;
        if (!reader.TryTake(out FuseFallocateIn raw) || raw.Offset > long.MaxValue || raw.LengthBytes > (ulong)long.MaxValue - raw.Offset)
        {
            return Errno.EINVAL;
        }

        request = new FallocateRequest(new FileHandle(raw.Handle), (long)raw.Offset, (long)raw.LengthBytes, raw.Mode);
        return Errno.None;
    }
}
