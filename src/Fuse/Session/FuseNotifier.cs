using Afs.Fuse.Abi;
using Afs.Fuse.Protocol;

namespace Afs.Fuse.Session;

/// <summary>Notifications as plain writes on the session's descriptor, from whichever thread calls.</summary>
/// <param name="releases">Null: for a mount that nobody serves at this moment.</param>
internal sealed class FuseNotifier(FuseDevice device, FuseConnectionInfo connection, EarlierReleases? releases) : IFuseNotifier
{
    public Errno InvalidateNode(NodeId node, long offset = -1)
    {
        Span<byte> frame = stackalloc byte[NotificationWriter.MaxBytes];
        return device.Notify(frame[..NotificationWriter.InvalidateNode(frame, node, offset)]);
    }

    public Errno ExpireEntry(NodeId parent, ReadOnlySpan<byte> name)
    {
        if (!connection.HasExpireOnly)
        {
            return Errno.ENOSYS;
        }

        if (name.Length is 0 or > FuseProtocol.NameMaxBytes)
        {
            return Errno.EINVAL;
        }

        Span<byte> frame = stackalloc byte[NotificationWriter.MaxBytes];
        return device.Notify(frame[..NotificationWriter.ExpireEntry(frame, parent, name)]);
    }

    public Errno IncrementEpoch()
    {
        Span<byte> frame = stackalloc byte[NotificationWriter.MaxBytes];
        return connection.HasEpoch ? device.Notify(frame[..NotificationWriter.IncrementEpoch(frame)]) : Errno.ENOSYS;
    }

    /// <summary>Asks the kernel to send again every request that it has no reply for (FUSE_NOTIFY_RESEND, kernel 6.9).</summary>
    public Errno Resend()
    {
        Span<byte> frame = stackalloc byte[NotificationWriter.MaxBytes];
        return connection.HasResend ? device.Notify(frame[..NotificationWriter.Resend(frame)]) : Errno.ENOSYS;
    }

    public ValueTask EarlierReleasesAsync() => releases?.WaitAsync() ?? ValueTask.CompletedTask;

    public FuseResult<BackingId> OpenBacking(int fileDescriptor) =>
        connection.Passthrough ? device.OpenBacking(fileDescriptor) : Errno.EPERM;

    public Errno CloseBacking(BackingId backing) => device.CloseBacking(backing);
}
