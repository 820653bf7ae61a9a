using Afs.Fuse.Protocol;

namespace Afs.Fuse.Session;

/// <summary>Extended attributes.</summary>
internal static class XattrOperations
{
    public static bool Set(Responder responder, RequestSlot slot, bool isExtended)
    {
        Errno error = SetXattrRequest.Parse(slot.Body, isExtended, out SetXattrRequest request);
        return error != Errno.None
            ? responder.RefuseMalformed(slot, error)
            : responder.Answer<Errno, StatusShape>(
                slot,
                responder.FileSystem.SetXattr(slot.Caller, slot.Node, request.Name, request.Value, request.Flags, request.KillSgid));
    }

    public static bool Get(Responder responder, RequestSlot slot)
    {
        Errno error = GetXattrRequest.Parse(slot.Body, out GetXattrRequest request);
        if (error != Errno.None)
        {
            return responder.RefuseMalformed(slot, error);
        }

        slot.Hints = new ReplyHints(RoomBytes: request.SizeBytes);
        return responder.Answer<FuseResult<ReadOnlyMemory<byte>>, XattrShape>(
            slot, responder.FileSystem.GetXattr(slot.Caller, slot.Node, request.Name));
    }

    public static bool List(Responder responder, RequestSlot slot)
    {
        Errno error = GetXattrRequest.ParseList(slot.Body, out GetXattrRequest request);
        if (error != Errno.None)
        {
            return responder.RefuseMalformed(slot, error);
        }

        slot.Hints = new ReplyHints(RoomBytes: request.SizeBytes);
        return responder.Answer<FuseResult<ReadOnlyMemory<byte>>, XattrShape>(
            slot, responder.FileSystem.ListXattr(slot.Caller, slot.Node));
    }

    public static bool Remove(Responder responder, RequestSlot slot)
    {
        Errno error = XattrNameRequest.Parse(slot.Body, out XattrNameRequest request);
        return error != Errno.None
            ? responder.RefuseMalformed(slot, error)
            : responder.Answer<Errno, StatusShape>(slot, responder.FileSystem.RemoveXattr(slot.Caller, slot.Node, request.Name));
    }
}
