using Afs.Fuse;
using Afs.Venus.Vfs;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace Afs.Venus.Hosting;

/// <summary>Mounts a filesystem as the settings say, and turns refusals into what the user is told.</summary>
internal static class MountMaker
{
    /// <exception cref="HostingException">The mount was refused.</exception>
    /// <param name="device">That a supervisor opened; null: one of its own.</param>
    public static KernelMount Make(MountSettings settings, FuseFileSystem fileSystem, ILogger log, SafeFileHandle? device = null)
    {
        KernelMount mount;
        try
        {
            mount = KernelMount.Make(settings.MountPoint, Options(settings), fileSystem, new FuseLog(log), device);
        }
        catch (KernelMountException e)
        {
            throw new HostingException(ToCode(e.Refusal), $"Can't mount at {settings.MountPoint}: {e.Message}", e);
        }

        if (settings.Io != IoMode.Passthrough || mount.HasPassthrough)
            return mount;
        mount.Dispose();
        throw new HostingException(ExitCode.NoPermission, "The kernel offers no passthrough: it needs Linux 6.9 and CAP_SYS_ADMIN. --io=daemon does without.");
    }

    public static FuseMountOptions Options(MountSettings settings) => new()
    {
        Source = settings.Server.ToString(),
        SubType = "afs",
        AllowOther = settings.AllowOther,
        DefaultPermissions = true,
        ReadOnly = settings.IsReadOnly,
        Passthrough = settings.Io != IoMode.Daemon,
        ReadAheadBytes = 1 << 20,
    };

    private static ExitCode ToCode(MountRefusal refusal) => refusal switch
    {
        MountRefusal.NoFuse => ExitCode.NoFuse,
        MountRefusal.NoPermission => ExitCode.NoPermission,
        MountRefusal.Stale => ExitCode.StaleMount,
        MountRefusal.BadMountPoint => ExitCode.BadMountPoint,
        MountRefusal.InUse => ExitCode.InUse,
        _ => ExitCode.Failed,
    };
}
