using Afs.Fuse.Protocol;

namespace Afs.Fuse.Session;

/// <summary>LOOKUP and everything that makes a name.</summary>
internal readonly struct EntryShape : IReplyShape<FuseResult<EntryReply>>
{
    public static Errno Encode(FuseFileSystem fileSystem, RequestSlot slot, in FuseResult<EntryReply> result, out int payloadBytes)
    {
        payloadBytes = result.IsSuccess ? ReplyWriter.Entry(slot.Payload, result.Value) : 0;
        return result.Error;
    }

    public static ValueTask<Errno> Undo(FuseFileSystem fileSystem, RequestSlot slot, in FuseResult<EntryReply> result)
    {
        if (result.Value.Node.Value != 0)
        {
            fileSystem.Forget(result.Value.Node, 1);
        }

        return new ValueTask<Errno>(Errno.None);
    }
}
