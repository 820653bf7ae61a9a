using Afs.Fuse.Abi;
using Afs.Fuse.Protocol;

namespace Afs.Fuse.Session;

/// <summary>Notifications as plain writes on the session's descriptor, from whichever thread calls.</summary>
internal sealed class FuseNotifier(FuseDevice device, FuseConnectionInfo connection) : IFuseNotifier
{
    public Errno InvalidateNode(NodeId node, long offset = -1, long lengthBytes = 0)
    {
        Span<byte> frame = stackalloc byte[NotificationWriter.MaxBytes];
        int usedBytes = NotificationWriter.InvalidateNode(frame, node, offset, lengthBytes);
        return device.Notify(frame[..usedBytes]);
    }

    public Errno InvalidateEntry(NodeId parent, ReadOnlySpan<byte> name)
    {
        if (!IsName(name))
        {
            return Errno.EINVAL;
        }

        Span<byte> frame = stackalloc byte[NotificationWriter.MaxBytes];
        int usedBytes = NotificationWriter.InvalidateEntry(frame, parent, name);
        return device.Notify(frame[..usedBytes]);
    }

    public Errno Delete(NodeId parent, NodeId child, ReadOnlySpan<byte> name)
    {
        if (!IsName(name))
        {
            return Errno.EINVAL;
        }

        Span<byte> frame = stackalloc byte[NotificationWriter.MaxBytes];
        int usedBytes = NotificationWriter.Delete(frame, parent, child, name);
        return device.Notify(frame[..usedBytes]);
    }

    public Errno IncrementEpoch()
    {
        if (!connection.HasEpoch)
        {
            return Errno.ENOSYS;
        }

        Span<byte> frame = stackalloc byte[FuseOutHeader.SizeBytes];
        return device.Notify(frame[..NotificationWriter.IncrementEpoch(frame)]);
    }

    public Errno Resend()
    {
        if (!connection.HasResend)
        {
            return Errno.ENOSYS;
        }

        Span<byte> frame = stackalloc byte[FuseOutHeader.SizeBytes];
        return device.Notify(frame[..NotificationWriter.Resend(frame)]);
    }

    public FuseResult<BackingId> OpenBacking(int fileDescriptor) =>
        connection.Passthrough ? device.OpenBacking(fileDescriptor) : Errno.EPERM;

    public Errno CloseBacking(BackingId backing) => device.CloseBacking(backing);

    private static bool IsName(ReadOnlySpan<byte> name) => name.Length is > 0 and <= FuseProtocol.NameMaxBytes;
}
