using Afs.Fuse.Abi;
using Afs.Fuse.Protocol;

namespace Afs.Fuse.Session;

/// <summary>From a frame to the operation that it asks for. Knows no descriptor; whatever a frame holds, it gets an errno or is dropped.</summary>
internal sealed class RequestDispatcher(Responder responder, InFlightTable table, FuseConnectionInfo connection)
{
    private readonly bool _hasLongSetXattr = ((FuseInitFlags)connection.Flags).HasFlag(FuseInitFlags.SetXattrExtended);

    /// <summary>True: the slot is the caller's again. False: it went with a request that waits.</summary>
    public bool Dispatch(RequestSlot slot, int frameBytes)
    {
        bool whole = RequestHeader.TryParse(slot.FrameRoom[..frameBytes], out RequestHeader header, out ReadOnlySpan<byte> body);
        slot.Begin(header, body.Length);
        try
        {
            if (!whole)
            {
                return Drop(slot, frameBytes);
            }

            if (NotificationOperations.TryHandle(responder, table, slot))
            {
                return true;
            }

            table.Register(slot);
            return Route(slot);
        }
        catch (Exception exception)
        {
            responder.Fail(slot, exception);
            return true;
        }
    }

    private bool Drop(RequestSlot slot, int frameBytes)
    {
        responder.Log.RequestMalformed(slot.Header.Opcode, slot.Node, slot.Header.Id, frameBytes);
        return slot.Header.Id.Value == 0 || responder.Refuse(slot, Errno.EINVAL);
    }

    private bool Route(RequestSlot slot) => slot.Header.Opcode switch
    {
        FuseOpcode.Lookup => NameOperations.Lookup(responder, slot),
        FuseOpcode.SymLink => NameOperations.SymLink(responder, slot),
        FuseOpcode.MkNod => NameOperations.MakeNode(responder, slot),
        FuseOpcode.MkDir => NameOperations.MakeDirectory(responder, slot),
        FuseOpcode.Unlink => NameOperations.Unlink(responder, slot),
        FuseOpcode.RmDir => NameOperations.RemoveDirectory(responder, slot),
        FuseOpcode.Rename => NameOperations.Rename(responder, slot),
        FuseOpcode.Rename2 => NameOperations.RenameWithFlags(responder, slot),
        FuseOpcode.Link => NameOperations.Link(responder, slot),
        FuseOpcode.GetAttr => NodeOperations.GetAttributes(responder, slot),
        FuseOpcode.Statx => NodeOperations.Statx(responder, slot),
        FuseOpcode.SetAttr => NodeOperations.SetAttributes(responder, slot),
        FuseOpcode.ReadLink => NodeOperations.ReadLink(responder, slot),
        FuseOpcode.Access => NodeOperations.Access(responder, slot),
        FuseOpcode.StatFs => NodeOperations.StatFs(responder, slot),
        FuseOpcode.Open => FileOperations.Open(responder, slot),
        FuseOpcode.Create => FileOperations.Create(responder, slot),
        FuseOpcode.TmpFile => FileOperations.TemporaryFile(responder, slot),
        FuseOpcode.Read => FileOperations.Read(responder, slot),
        FuseOpcode.Write => FileOperations.Write(responder, slot),
        FuseOpcode.Flush => FileOperations.Flush(responder, slot),
        FuseOpcode.Fsync => FileOperations.Fsync(responder, slot),
        FuseOpcode.Release => FileOperations.Release(responder, slot),
        FuseOpcode.Fallocate => ExtentOperations.Fallocate(responder, slot),
        FuseOpcode.LSeek => ExtentOperations.Seek(responder, slot),
        FuseOpcode.CopyFileRange => ExtentOperations.CopyFileRange(responder, slot),
        FuseOpcode.CopyFileRange64 => ExtentOperations.CopyFileRange64(responder, slot),
        FuseOpcode.OpenDir => DirectoryOperations.Open(responder, slot),
        FuseOpcode.ReadDir => DirectoryOperations.Read(responder, slot, isPlus: false),
        FuseOpcode.ReadDirPlus => DirectoryOperations.Read(responder, slot, isPlus: true),
        FuseOpcode.FsyncDir => DirectoryOperations.Fsync(responder, slot),
        FuseOpcode.ReleaseDir => DirectoryOperations.Release(responder, slot),
        FuseOpcode.SetXattr => XattrOperations.Set(responder, slot, _hasLongSetXattr),
        FuseOpcode.GetXattr => XattrOperations.Get(responder, slot),
        FuseOpcode.ListXattr => XattrOperations.List(responder, slot),
        FuseOpcode.RemoveXattr => XattrOperations.Remove(responder, slot),
        FuseOpcode.GetLk => LockOperations.Get(responder, slot),
        FuseOpcode.SetLk => LockOperations.Set(responder, slot, wait: false),
        FuseOpcode.SetLkW => LockOperations.Set(responder, slot, wait: true),
        FuseOpcode.Destroy => responder.Refuse(slot, Errno.None),
        FuseOpcode.Ioctl => responder.Refuse(slot, Errno.ENOTTY),
        FuseOpcode.Init => responder.Refuse(slot, Errno.EPROTO),
        _ => responder.Refuse(slot, Errno.ENOSYS),
    };
}
