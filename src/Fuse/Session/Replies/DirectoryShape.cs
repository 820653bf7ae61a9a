using Afs.Fuse.Protocol;

namespace Afs.Fuse.Session;

/// <summary>READDIR and READDIRPLUS: what was prepared is now written, entry by entry.</summary>
internal readonly struct DirectoryShape : IReplyShape<Errno>
{
    public static Errno Encode(FuseFileSystem fileSystem, RequestSlot slot, in Errno result, out int payloadBytes)
    {
        payloadBytes = 0;
        if (result != Errno.None)
        {
            return result;
        }

        ReplyHints hints = slot.Hints;
        var filler = new DirectoryFiller(slot.Payload[..hints.RoomBytes], hints.IsPlus);
        Errno error = fileSystem.ReadDirectory(slot.Caller, slot.Node, hints.Handle, hints.Offset, ref filler);
        payloadBytes = filler.WrittenBytes;
        if (error != Errno.None)
        {
            ForgetAll(fileSystem, slot, payloadBytes);
            payloadBytes = 0;
        }

        slot.Hints = hints with { RoomBytes = payloadBytes };
        return error;
    }

    public static ValueTask<Errno> Undo(FuseFileSystem fileSystem, RequestSlot slot, in Errno result)
    {
        ForgetAll(fileSystem, slot, slot.Hints.RoomBytes);
        return new ValueTask<Errno>(Errno.None);
    }

    private static void ForgetAll(FuseFileSystem fileSystem, RequestSlot slot, int payloadBytes)
    {
        if (!slot.Hints.IsPlus)
        {
            return;
        }

        var entries = new DirectoryEntryReader(slot.Payload[..payloadBytes]);
        while (entries.TryNext(out NodeId node))
        {
            fileSystem.Forget(node, 1);
        }
    }
}
