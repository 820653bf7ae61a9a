using Afs.Fuse.Abi;

namespace Afs.Fuse.Protocol;

/// <summary>INIT: what the kernel speaks and offers.</summary>
internal readonly record struct InitRequest(uint Major, uint Minor, uint MaxReadaheadBytes, FuseInitFlags Flags)
{
    public static Errno Parse(ReadOnlySpan<byte> body, out InitRequest request)
    {
        var reader = new FrameReader(body);
        request = default;
        if (!reader.TryTake(out FuseInitIn raw))
        {
            return Errno.EINVAL;
        }

        ulong flags = raw.Flags;
        if ((flags & (ulong)FuseInitFlags.InitExtended) != 0)
        {
            if (!reader.TryTake(out uint flags2))
            {
                return Errno.EINVAL;
            }

            flags |= (ulong)flags2 << 32;
        }

        request = new InitRequest(raw.Major, raw.Minor, raw.MaxReadaheadBytes, (FuseInitFlags)flags);
        return Errno.None;
    }
}
