using Afs.Fuse.Abi;
using Afs.Fuse.Protocol;

namespace Afs.Fuse.Session;

/// <summary>What the kernel tells without waiting for a reply: FORGET, BATCH_FORGET, INTERRUPT.</summary>
internal static class NotificationOperations
{
    /// <summary>False: the request wants a reply.</summary>
    public static bool TryHandle(Responder responder, InFlightTable table, RequestSlot slot)
    {
        Errno error;
        switch (slot.Header.Opcode)
        {
            case FuseOpcode.Forget:
                slot.IsAnswered = true;
                error = Forget(responder.FileSystem, slot);
                break;
            case FuseOpcode.BatchForget:
                slot.IsAnswered = true;
                error = BatchForget(responder.FileSystem, slot);
                break;
            case FuseOpcode.Interrupt:
                slot.IsAnswered = true;
                error = Interrupt(responder, table, slot);
                break;
            case FuseOpcode.NotifyReply:
                // The answer to a FUSE_NOTIFY_RETRIEVE, which is never sent.
                slot.IsAnswered = true;
                error = Errno.EINVAL;
                break;
            default:
                return false;
        }

        if (error != Errno.None)
        {
            responder.Log.RequestMalformed(slot.Header.Opcode, slot.Node, slot.Header.Id, slot.FrameBytes);
        }

        return true;
    }

    private static Errno Forget(FuseFileSystem fileSystem, RequestSlot slot)
    {
        Errno error = ForgetRequest.Parse(slot.Body, out ForgetRequest request);
        if (error == Errno.None)
        {
            fileSystem.Forget(slot.Node, request.Lookups);
        }

        return error;
    }

    private static Errno BatchForget(FuseFileSystem fileSystem, RequestSlot slot)
    {
        Errno error = BatchForgetRequest.Parse(slot.Body, out BatchForgetRequest request);
        foreach (FuseForgetOne entry in request.Entries)
        {
            fileSystem.Forget(new NodeId(entry.NodeId), entry.Lookups);
        }

        return error;
    }

    private static Errno Interrupt(Responder responder, InFlightTable table, RequestSlot slot)
    {
        Errno error = InterruptRequest.Parse(slot.Body, out InterruptRequest request);
        if (error == Errno.None && !TryInterrupt(table, request.Target))
        {
            responder.AskAgain(slot.Header.Id);
        }

        return error;
    }

    /// <summary>
    /// A signal that the caller handles ends a wait for a lock, and nothing else. It may be killed later, of which the kernel says
    /// no more, so INTERRUPT has to come again.
    /// </summary>
    private static bool TryInterrupt(InFlightTable table, RequestId target)
    {
        if (!table.TryFind(target, out RequestHeader header) || (header.Opcode != FuseOpcode.SetLkW && !CallerSignals.IsDying(header.Pid)))
        {
            return false;
        }

        table.Interrupt(target);
        return true;
    }
}
