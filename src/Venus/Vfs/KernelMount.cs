using Afs.Fuse;
using Microsoft.Win32.SafeHandles;

namespace Afs.Venus.Vfs;

/// <summary>A filesystem that is mounted in the kernel. Says why a mount or unmount failed without an errno, which only Vfs knows.</summary>
public sealed class KernelMount : IDisposable
{
    private readonly FuseSession _session;

    private KernelMount(FuseSession session) => _session = session;

    /// <summary>The kernel reads and writes the containers itself (passthrough).</summary>
    public bool HasPassthrough => _session.Connection.Passthrough;

    /// <summary>What a successor must know of the session.</summary>
    public FuseConnectionInfo Connection => _session.Connection;

    /// <summary>Completes when it is unmounted, by anybody, and its last operation has ended.</summary>
    public Task Completion => _session.Completion;

    /// <exception cref="KernelMountException">The mount was refused.</exception>
    /// <param name="device">The device that a supervisor opened; null: the mount opens its own.</param>
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

    /// <summary>Goes on with a mount whose daemon died.</summary>
    public static KernelMount Resume(
        SafeFileHandle device, string mountPoint, FuseConnectionInfo connection, FuseMountOptions options, FuseFileSystem fileSystem, IFuseLog log) =>
        new(FuseSession.Resume(device, mountPoint, connection, options, fileSystem, log));

    /// <summary>True: at the path is a mount whose daemon died.</summary>
    public static bool IsStale(string path) => StaleMount.IsStale(path);

    /// <summary>Takes a stale mount away. False: that failed.</summary>
    public static bool TryTakeAwayStale(string path) => StaleMount.DetachIfStale(path) == Errno.None;

    /// <summary>Ends the connection of a mount whose daemon will not answer any more, so that nobody waits for it, and takes the mount away.</summary>
    public static bool TryCutOff(string path) => FuseKeeper.FindConnection(path) is { } connection && FuseKeeper.Abort(path, connection) == Errno.None;

    /// <param name="isForced">True: files that are open in it are cut off. False: the unmount is refused if anything is in use.</param>
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

/// <summary>Why a mount was refused.</summary>
public enum MountRefusal
{
    Other,

    /// <summary>No /dev/fuse, or a kernel that is too old.</summary>
    NoFuse,
    NoPermission,

    /// <summary>At the mount point is a mount whose daemon died.</summary>
    Stale,
    BadMountPoint,
    InUse,
}

/// <summary>What became of an unmount.</summary>
public enum UnmountOutcome
{
    Unmounted,
    InUse,
    Failed,
}

/// <summary>The kernel refuses a mount.</summary>
public sealed class KernelMountException(MountRefusal refusal, string message, Exception inner) : Exception(message, inner)
{
    public MountRefusal Refusal { get; } = refusal;
}
