using Afs.Fuse.Protocol;

namespace Afs.Fuse.Session;

/// <summary>STATX.</summary>
internal readonly struct StatxShape : IReplyShape<FuseResult<AttributesReply>>
{
    public static Errno Encode(FuseFileSystem fileSystem, RequestSlot slot, in FuseResult<AttributesReply> result, out int payloadBytes)
    {
        payloadBytes = result.IsSuccess ? StatxWriter.Write(slot.Payload, result.Value) : 0;
        return result.Error;
    }
}
