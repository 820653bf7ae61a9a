using Afs.Fuse.Abi;

namespace Afs.Fuse.Session;

/// <summary>READLINK: the target as it is, without a NUL.</summary>
internal readonly struct ReadLinkShape : IReplyShape<FuseResult<ReadOnlyMemory<byte>>>
{
    public static Errno Encode(FuseFileSystem fileSystem, RequestSlot slot, in FuseResult<ReadOnlyMemory<byte>> result, out int payloadBytes)
    {
        payloadBytes = 0;
        if (result.IsSuccess)
        {
            ReadOnlySpan<byte> target = result.Value.Span;
            if (target.Length > FuseProtocol.LinkTargetMaxBytes)
            {
                return Errno.ENAMETOOLONG;
            }

            target.CopyTo(slot.Payload);
            payloadBytes = target.Length;
        }

        return result.Error;
    }
}
