using Afs.Fuse.Abi;

namespace Afs.Fuse.Protocol;

/// <summary>READ, READDIR and READDIRPLUS. For directories the offset is a cookie that the filesystem gave.</summary>
internal readonly record struct ReadRequest(FileHandle Handle, ulong Offset, int SizeBytes)
{
    /// <param name="body">The request without its header.</param>
    /// <param name="maxBytes">The reply buffer's room; a request for more is EINVAL.</param>
    /// <param name="request">The parsed request.</param>
    public static Errno Parse(ReadOnlySpan<byte> body, int maxBytes, out ReadRequest request)
    {
        var reader = new FrameReader(body);
        request = default;
        if (!reader.TryTake(out FuseReadIn raw) || raw.SizeBytes > (uint)maxBytes)
        {
            return Errno.EINVAL;
        }

        request = new ReadRequest(new FileHandle(raw.Handle), raw.Offset, (int)raw.SizeBytes);
        return Errno.None;
    }
}
