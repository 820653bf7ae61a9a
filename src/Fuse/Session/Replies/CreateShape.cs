using Afs.Fuse.Protocol;

namespace Afs.Fuse.Session;

/// <summary>CREATE and TMPFILE.</summary>
internal readonly struct CreateShape : IReplyShape<FuseResult<CreateReply>>
{
    public static Errno Encode(FuseFileSystem fileSystem, RequestSlot slot, in FuseResult<CreateReply> result, out int payloadBytes)
    {
        payloadBytes = result.IsSuccess ? ReplyWriter.Create(slot.Payload, result.Value) : 0;
        return result.Error;
    }

    /// <summary>The open goes before the lookup, as with a kernel that closes and then forgets.</summary>
    private static async ValueTask<Errno> Release(FuseFileSystem fileSystem, FuseRequest caller, CreateReply reply, int openFlags)
    {
        NodeId node = reply.Entry.Node;
        Errno error = await fileSystem.Release(caller, node, reply.Open.Handle, openFlags, flockUnlock: false, lockOwner: 0).ConfigureAwait(false);
        fileSystem.Forget(node, 1);
        return error;
    }

    public static ValueTask<Errno> Undo(FuseFileSystem fileSystem, RequestSlot slot, in FuseResult<CreateReply> result) =>
        Release(fileSystem, slot.FormerCaller, result.Value, slot.Hints.OpenFlags);
}
