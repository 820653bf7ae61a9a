using Afs.Fuse.Protocol;

namespace Afs.Fuse.Session;

/// <summary>GETLK.</summary>
internal readonly struct LockShape : IReplyShape<FuseResult<FileLock>>
{
    public static Errno Encode(FuseFileSystem fileSystem, RequestSlot slot, in FuseResult<FileLock> result, out int payloadBytes)
    {
        payloadBytes = result.IsSuccess ? ReplyWriter.Lock(slot.Payload, result.Value) : 0;
        return result.Error;
    }
}
