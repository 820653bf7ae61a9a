using Afs.Fuse.Protocol;

namespace Afs.Fuse.Session;

/// <summary>COPY_FILE_RANGE, whose count has 32 bits.</summary>
internal readonly struct CopyShape : IReplyShape<FuseResult<long>>
{
    public static Errno Encode(FuseFileSystem fileSystem, RequestSlot slot, in FuseResult<long> result, out int payloadBytes)
    {
        payloadBytes = result.IsSuccess ? ReplyWriter.Size(slot.Payload, checked((uint)result.Value)) : 0;
        return result.Error;
    }
}
