using Afs.Fuse.Protocol;

namespace Afs.Fuse.Session;

/// <summary>Operations on the names in a directory.</summary>
internal static class NameOperations
{
    public static bool Lookup(Responder responder, RequestSlot slot)
    {
        Errno error = NameRequest.Parse(slot.Body, out NameRequest request);
        return error != Errno.None
            ? responder.RefuseMalformed(slot, error)
            : responder.Answer<FuseResult<EntryReply>, EntryShape>(slot, responder.FileSystem.Lookup(slot.Caller, slot.Node, request.Name));
    }

    public static bool SymLink(Responder responder, RequestSlot slot)
    {
        Errno error = SymLinkRequest.Parse(slot.Body, out SymLinkRequest request);
        return error != Errno.None
            ? responder.RefuseMalformed(slot, error)
            : responder.Answer<FuseResult<EntryReply>, EntryShape>(
                slot, responder.FileSystem.SymLink(slot.Caller, slot.Node, request.Name, request.Target));
    }

    public static bool MakeNode(Responder responder, RequestSlot slot)
    {
        Errno error = MakeNodeRequest.Parse(slot.Body, out MakeNodeRequest request);
        return error != Errno.None
            ? responder.RefuseMalformed(slot, error)
            : responder.Answer<FuseResult<EntryReply>, EntryShape>(
                slot, responder.FileSystem.MakeNode(slot.Caller, slot.Node, request.Name, request.Mode, request.DeviceNumber, request.Umask));
    }

    public static bool MakeDirectory(Responder responder, RequestSlot slot)
    {
        Errno error = MakeNodeRequest.ParseDirectory(slot.Body, out MakeNodeRequest request);
        return error != Errno.None
            ? responder.RefuseMalformed(slot, error)
            : responder.Answer<FuseResult<EntryReply>, EntryShape>(
                slot, responder.FileSystem.MakeDirectory(slot.Caller, slot.Node, request.Name, request.Mode, request.Umask));
    }

    public static bool Unlink(Responder responder, RequestSlot slot)
    {
        Errno error = NameRequest.Parse(slot.Body, out NameRequest request);
        return error != Errno.None
            ? responder.RefuseMalformed(slot, error)
            : responder.Answer<Errno, StatusShape>(slot, responder.FileSystem.Unlink(slot.Caller, slot.Node, request.Name));
    }

    public static bool RemoveDirectory(Responder responder, RequestSlot slot)
    {
        Errno error = NameRequest.Parse(slot.Body, out NameRequest request);
        return error != Errno.None
            ? responder.RefuseMalformed(slot, error)
            : responder.Answer<Errno, StatusShape>(slot, responder.FileSystem.RemoveDirectory(slot.Caller, slot.Node, request.Name));
    }

    public static bool Rename(Responder responder, RequestSlot slot)
    {
        Errno error = RenameRequest.Parse(slot.Body, out RenameRequest request);
        return error != Errno.None ? responder.RefuseMalformed(slot, error) : Rename(responder, slot, request);
    }

    public static bool RenameWithFlags(Responder responder, RequestSlot slot)
    {
        Errno error = RenameRequest.ParseWithFlags(slot.Body, out RenameRequest request);
        return error != Errno.None ? responder.RefuseMalformed(slot, error) : Rename(responder, slot, request);
    }

    public static bool Link(Responder responder, RequestSlot slot)
    {
        Errno error = LinkRequest.Parse(slot.Body, out LinkRequest request);
        return error != Errno.None
            ? responder.RefuseMalformed(slot, error)
            : responder.Answer<FuseResult<EntryReply>, EntryShape>(
                slot, responder.FileSystem.Link(slot.Caller, request.Node, slot.Node, request.NewName));
    }

    private static bool Rename(Responder responder, RequestSlot slot, in RenameRequest request) =>
        responder.Answer<Errno, StatusShape>(
            slot,
            responder.FileSystem.Rename(slot.Caller, slot.Node, request.Name, request.NewParent, request.NewName, request.Flags));
}
