using Afs.Fuse.Protocol;

namespace Afs.Fuse.Session;

/// <summary>STATFS.</summary>
internal readonly struct StatFsShape : IReplyShape<FuseResult<StatFsReply>>
{
    public static Errno Encode(FuseFileSystem fileSystem, RequestSlot slot, in FuseResult<StatFsReply> result, out int payloadBytes)
    {
        payloadBytes = result.IsSuccess ? ReplyWriter.StatFs(slot.Payload, result.Value) : 0;
        return result.Error;
    }
}
