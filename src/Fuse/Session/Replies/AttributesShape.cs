using Afs.Fuse.Protocol;

namespace Afs.Fuse.Session;

/// <summary>GETATTR and SETATTR.</summary>
internal readonly struct AttributesShape : IReplyShape<FuseResult<AttributesReply>>
{
    public static Errno Encode(FuseFileSystem fileSystem, RequestSlot slot, in FuseResult<AttributesReply> result, out int payloadBytes)
    {
        payloadBytes = result.IsSuccess ? ReplyWriter.Attributes(slot.Payload, result.Value) : 0;
        return result.Error;
    }
}
