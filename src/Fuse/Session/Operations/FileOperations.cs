using Afs.Fuse.Protocol;

namespace Afs.Fuse.Session;

/// <summary>The life of an open file: open, read, write, flush, sync, release.</summary>
internal static class FileOperations
{
    public static bool Open(Responder responder, RequestSlot slot)
    {
        Errno error = OpenRequest.Parse(slot.Body, out OpenRequest request);
        if (error != Errno.None)
        {
            return responder.RefuseMalformed(slot, error);
        }

        slot.Hints = new ReplyHints(OpenFlags: request.OpenFlags);
        return responder.Answer<FuseResult<OpenReply>, OpenShape>(
            slot, responder.FileSystem.Open(slot.Caller, slot.Node, request.OpenFlags, request.KillSuidGid));
    }

    public static bool Create(Responder responder, RequestSlot slot)
    {
        Errno error = CreateRequest.Parse(slot.Body, out CreateRequest request);
        if (error != Errno.None)
        {
            return responder.RefuseMalformed(slot, error);
        }

        slot.Hints = new ReplyHints(OpenFlags: request.OpenFlags);
        return responder.Answer<FuseResult<CreateReply>, CreateShape>(
            slot, responder.FileSystem.Create(slot.Caller, slot.Node, request.Name, request.Mode, request.Umask, request.OpenFlags));
    }

    public static bool TemporaryFile(Responder responder, RequestSlot slot)
    {
        Errno error = CreateRequest.ParseTemporary(slot.Body, out CreateRequest request);
        if (error != Errno.None)
        {
            return responder.RefuseMalformed(slot, error);
        }

        slot.Hints = new ReplyHints(OpenFlags: request.OpenFlags);
        return responder.Answer<FuseResult<CreateReply>, CreateShape>(
            slot, responder.FileSystem.TemporaryFile(slot.Caller, slot.Node, request.Mode, request.Umask, request.OpenFlags));
    }

    public static bool Read(Responder responder, RequestSlot slot)
    {
        Errno error = ReadRequest.Parse(slot.Body, slot.MaxPayloadBytes, out ReadRequest request);
        if (error != Errno.None || request.Offset > long.MaxValue)
        {
            return responder.RefuseMalformed(slot, Errno.EINVAL);
        }

        slot.Hints = new ReplyHints(RoomBytes: request.SizeBytes);
        return responder.Answer<FuseResult<int>, ReadShape>(
            slot,
            responder.FileSystem.Read(slot.Caller, slot.Node, request.Handle, (long)request.Offset, slot.PayloadMemory(request.SizeBytes)));
    }

    public static bool Write(Responder responder, RequestSlot slot)
    {
        Errno error = WriteRequest.Parse(slot.Body, out WriteRequest request);
        if (error != Errno.None)
        {
            return responder.RefuseMalformed(slot, error);
        }

        slot.Hints = new ReplyHints(RoomBytes: request.SizeBytes);
        return responder.Answer<FuseResult<int>, WriteShape>(
            slot,
            responder.FileSystem.Write(
                slot.Caller, slot.Node, request.Handle, request.Offset, slot.WriteData(request.SizeBytes), request.KillSuidGid));
    }

    public static bool Flush(Responder responder, RequestSlot slot)
    {
        Errno error = FlushRequest.Parse(slot.Body, out FlushRequest request);
        return error != Errno.None
            ? responder.RefuseMalformed(slot, error)
            : responder.Answer<Errno, StatusShape>(
                slot, responder.FileSystem.Flush(slot.Caller, slot.Node, request.Handle, request.LockOwner));
    }

    public static bool Fsync(Responder responder, RequestSlot slot)
    {
        Errno error = FsyncRequest.Parse(slot.Body, out FsyncRequest request);
        return error != Errno.None
            ? responder.RefuseMalformed(slot, error)
            : responder.Answer<Errno, StatusShape>(
                slot, responder.FileSystem.Fsync(slot.Caller, slot.Node, request.Handle, request.DataOnly));
    }

    public static bool Release(Responder responder, RequestSlot slot)
    {
        Errno error = ReleaseRequest.Parse(slot.Body, out ReleaseRequest request);
        return error != Errno.None
            ? responder.RefuseMalformed(slot, error)
            : responder.Answer<Errno, StatusShape>(
                slot,
                responder.FileSystem.Release(
                    slot.Caller, slot.Node, request.Handle, request.OpenFlags, request.FlockUnlock, request.LockOwner));
    }
}
