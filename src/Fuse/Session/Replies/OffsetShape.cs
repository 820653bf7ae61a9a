using Afs.Fuse.Protocol;

namespace Afs.Fuse.Session;

/// <summary>LSEEK and COPY_FILE_RANGE_64.</summary>
internal readonly struct OffsetShape : IReplyShape<FuseResult<long>>
{
    public static Errno Encode(FuseFileSystem fileSystem, RequestSlot slot, in FuseResult<long> result, out int payloadBytes)
    {
        payloadBytes = result.IsSuccess ? ReplyWriter.Offset(slot.Payload, result.Value) : 0;
        return result.Error;
    }
}
