using Afs.Fuse.Protocol;

namespace Afs.Fuse.Session;

/// <summary>OPENDIR.</summary>
internal readonly struct OpenDirectoryShape : IReplyShape<FuseResult<OpenReply>>
{
    public static Errno Encode(FuseFileSystem fileSystem, RequestSlot slot, in FuseResult<OpenReply> result, out int payloadBytes)
    {
        payloadBytes = result.IsSuccess ? ReplyWriter.Open(slot.Payload, result.Value) : 0;
        return result.Error;
    }

    public static ValueTask<Errno> Undo(FuseFileSystem fileSystem, RequestSlot slot, in FuseResult<OpenReply> result) =>
        fileSystem.ReleaseDirectory(slot.FormerCaller, slot.Node, result.Value.Handle);
}
