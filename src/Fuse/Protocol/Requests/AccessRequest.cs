using Afs.Fuse.Abi;

namespace Afs.Fuse.Protocol;

/// <summary>ACCESS: the R_OK, W_OK and X_OK bits of access(2).</summary>
internal readonly record struct AccessRequest(uint Mask)
{
    public static Errno Parse(ReadOnlySpan<byte> body, out AccessRequest request)
    {
        var reader = new FrameReader(body);
        bool whole = reader.TryTake(out FuseAccessIn raw);
        request = new AccessRequest(raw.Mask);
        return whole ? Errno.None : Errno.EINVAL;
    }
}
