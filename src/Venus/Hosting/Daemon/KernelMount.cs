using Afs.Fuse;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Hosting;

/// <summary>Mounts a filesystem as the settings say, and turns refusals into what the user is told.</summary>
internal static class KernelMount
{
    /// <exception cref="HostingException">The mount was refused.</exception>
    public static FuseSession Mount(MountSettings settings, FuseFileSystem fileSystem, ILogger log)
    {
        var options = new FuseMountOptions
        {
            Source = settings.Server.ToString(),
            SubType = "afs",
            AllowOther = settings.AllowOther,
            DefaultPermissions = true,
            ReadOnly = settings.IsReadOnly,
            Passthrough = settings.Io != IoMode.Daemon,
        };
        FuseSession session;
        try
        {
            session = FuseSession.Mount(settings.MountPoint, options, fileSystem, new FuseLog(log));
        }
        catch (FuseException e)
        {
            throw new HostingException(ToCode(e.Error), $"Can't mount at {settings.MountPoint}: {e.Message}", e);
        }

        if (settings.Io != IoMode.Passthrough || session.Connection.Passthrough)
            return session;
        session.Dispose();
        throw new HostingException(ExitCode.NoPermission, "The kernel offers no passthrough: it needs Linux 6.9 and CAP_SYS_ADMIN. --io=daemon does without.");
    }

    private static ExitCode ToCode(Errno error) => error switch
    {
        Errno.ENOENT or Errno.ENODEV or Errno.ENXIO or Errno.EPROTO => ExitCode.NoFuse,
        Errno.EPERM or Errno.EACCES => ExitCode.NoPermission,
        Errno.ENOTCONN => ExitCode.StaleMount,
        Errno.ENOTDIR => ExitCode.BadMountPoint,
        Errno.EBUSY => ExitCode.InUse,
        _ => ExitCode.Failed,
    };
}
