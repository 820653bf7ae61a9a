using Afs.Fuse.Protocol;

namespace Afs.Fuse.Session;

/// <summary>The life of an open directory.</summary>
internal static class DirectoryOperations
{
    public static bool Open(Responder responder, RequestSlot slot)
    {
        Errno error = OpenRequest.Parse(slot.Body, out OpenRequest request);
        return error != Errno.None
            ? responder.RefuseMalformed(slot, error)
            : responder.Answer<FuseResult<OpenReply>, OpenDirectoryShape>(
                slot, responder.FileSystem.OpenDirectory(slot.Caller, slot.Node, request.OpenFlags));
    }

    public static bool Read(Responder responder, RequestSlot slot, bool isPlus)
    {
        Errno error = ReadRequest.Parse(slot.Body, slot.MaxPayloadBytes, out ReadRequest request);
        if (error != Errno.None)
        {
            return responder.RefuseMalformed(slot, error);
        }

        slot.Hints = new ReplyHints(request.SizeBytes, request.Offset, request.Handle, isPlus);
        return responder.Answer<Errno, DirectoryShape>(
            slot, responder.FileSystem.PrepareDirectory(slot.Caller, slot.Node, request.Handle, request.Offset, isPlus));
    }

    public static bool Fsync(Responder responder, RequestSlot slot)
    {
        Errno error = FsyncRequest.Parse(slot.Body, out FsyncRequest request);
        return error != Errno.None
            ? responder.RefuseMalformed(slot, error)
            : responder.Answer<Errno, StatusShape>(
                slot, responder.FileSystem.FsyncDirectory(slot.Caller, slot.Node, request.Handle, request.DataOnly));
    }

    public static bool Release(Responder responder, RequestSlot slot)
    {
        Errno error = ReleaseRequest.Parse(slot.Body, out ReleaseRequest request);
        return error != Errno.None
            ? responder.RefuseMalformed(slot, error)
            : responder.Answer<Errno, StatusShape>(
                slot, responder.FileSystem.ReleaseDirectory(slot.Caller, slot.Node, request.Handle));
    }
}
