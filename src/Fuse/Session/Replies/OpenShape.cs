using Afs.Fuse.Protocol;

namespace Afs.Fuse.Session;

/// <summary>OPEN.</summary>
internal readonly struct OpenShape : IReplyShape<FuseResult<OpenReply>>
{
    public static Errno Encode(FuseFileSystem fileSystem, RequestSlot slot, in FuseResult<OpenReply> result, out int payloadBytes)
    {
        payloadBytes = result.IsSuccess ? ReplyWriter.Open(slot.Payload, result.Value) : 0;
        return result.Error;
    }

    public static ValueTask<Errno> Undo(FuseFileSystem fileSystem, RequestSlot slot, in FuseResult<OpenReply> result) =>
        fileSystem.Release(slot.FormerCaller, slot.Node, result.Value.Handle, slot.Hints.OpenFlags, flockUnlock: false, lockOwner: 0);
}
