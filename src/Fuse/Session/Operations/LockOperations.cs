using Afs.Fuse.Protocol;

namespace Afs.Fuse.Session;

/// <summary>fcntl and flock locks, where the mount asked for them.</summary>
internal static class LockOperations
{
    public static bool Get(Responder responder, RequestSlot slot)
    {
        Errno error = LockRequest.Parse(slot.Body, out LockRequest request);
        return error != Errno.None
            ? responder.RefuseMalformed(slot, error)
            : responder.Answer<FuseResult<FileLock>, LockShape>(
                slot, responder.FileSystem.GetLock(slot.Caller, slot.Node, request.Handle, request.Lock));
    }

    public static bool Set(Responder responder, RequestSlot slot, bool wait)
    {
        Errno error = LockRequest.Parse(slot.Body, out LockRequest request);
        return error != Errno.None
            ? responder.RefuseMalformed(slot, error)
            : responder.Answer<Errno, StatusShape>(
                slot, responder.FileSystem.SetLock(slot.Caller, slot.Node, request.Handle, request.Lock, wait));
    }
}
