using Afs.Fuse;
using Microsoft.Win32.SafeHandles;

namespace Afs.Venus.Vfs;

/// <summary>A filesystem mounted in the kernel: made and taken away, with refusals as values that need no errno.</summary>
public sealed class KernelMount : IDisposable
{
    private readonly FuseSession _session;

    private KernelMount(FuseSession session) => _session = session;

    /// <summary>READ and WRITE go from the kernel to the containers.</summary>
    public bool HasPassthrough => _session.Connection.Passthrough;

    /// <summary>What a successor must know of the session.</summary>
    public FuseConnectionInfo Connection => _session.Connection;

    /// <summary>Completes when it is unmounted, by whomever, and its last operation has ended.</summary>
    public Task Completion => _session.Completion;

    /// <exception cref="KernelMountException">The mount was refused.</exception>
    /// <param name="device">That a supervisor opened; null: one of its own.</param>
    public static KernelMount Make(string mountPoint, FuseMountOptions options, FuseFileSystem fileSystem, IFuseLog log, SafeFileHandle? device = null)
    {
        try
        {
            return new KernelMount(FuseSession.Mount(mountPoint, options, fileSystem, log, device));
        }
        catch (FuseException e)
        {
            throw new KernelMountException(ToRefusal(e.Error), e.Message, e);
        }
    }

    /// <summary>Goes on with the mount of a predecessor.</summary>
    public static KernelMount Resume(
        SafeFileHandle device, string mountPoint, FuseConnectionInfo connection, FuseMountOptions options, FuseFileSystem fileSystem, IFuseLog log) =>
        new(FuseSession.Resume(device, mountPoint, connection, options, fileSystem, log));

    /// <summary>True where at the path stands a mount whose daemon died.</summary>
    public static bool IsStale(string path) => StaleMount.IsStale(path);

    /// <summary>Takes a stale mount away. False: it can't be.</summary>
    public static bool TryTakeAwayStale(string path) => StaleMount.DetachIfStale(path) == Errno.None;

    /// <param name="isForced">What is open in it is cut off; else it is refused where something is in use.</param>
    public UnmountOutcome Unmount(bool isForced) => _session.Unmount(isForced ? UnmountMode.Abort : UnmountMode.Normal) switch
    {
        Errno.None => UnmountOutcome.Unmounted,
        Errno.EBUSY => UnmountOutcome.InUse,
        _ => UnmountOutcome.Failed,
    };

    public void Dispose() => _session.Dispose();

    private static MountRefusal ToRefusal(Errno error) => error switch
    {
        Errno.ENOENT or Errno.ENODEV or Errno.ENXIO or Errno.EPROTO => MountRefusal.NoFuse,
        Errno.EPERM or Errno.EACCES => MountRefusal.NoPermission,
        Errno.ENOTCONN => MountRefusal.Stale,
        Errno.ENOTDIR => MountRefusal.BadMountPoint,
        Errno.EBUSY => MountRefusal.InUse,
        _ => MountRefusal.Other,
    };
}
