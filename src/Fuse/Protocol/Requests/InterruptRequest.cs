using Afs.Fuse.Abi;

namespace Afs.Fuse.Protocol;

/// <summary>INTERRUPT: the caller of another request no longer wants to wait.</summary>
internal readonly record struct InterruptRequest(RequestId Target)
{
    public static Errno Parse(ReadOnlySpan<byte> body, out InterruptRequest request)
    {
        var reader = new FrameReader(body);
        bool whole = reader.TryTake(out FuseInterruptIn raw);
        request = new InterruptRequest(new RequestId(raw.Unique));
        return whole ? Errno.None : Errno.EINVAL;
    }
}
