using Afs.Fuse.Abi;

namespace Afs.Fuse.Protocol;

/// <summary>FORGET: so many lookups of the header's node are gone.</summary>
internal readonly record struct ForgetRequest(ulong Lookups)
{
    public static Errno Parse(ReadOnlySpan<byte> body, out ForgetRequest request)
    {
        var reader = new FrameReader(body);
        bool whole = reader.TryTake(out FuseForgetIn raw);
        request = new ForgetRequest(raw.Lookups);
        return whole ? Errno.None : Errno.EINVAL;
    }
}
