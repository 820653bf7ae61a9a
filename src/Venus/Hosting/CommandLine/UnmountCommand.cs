using System.CommandLine;
using Afs.Venus.Vfs;

namespace Afs.Venus.Hosting;

/// <summary>`venus unmount MOUNTPOINT [--force]`.</summary>
internal static class UnmountCommand
{
    private static readonly Argument<string> MountPointPath = new("mountpoint");
    private static readonly Option<bool> Force = new("--force") { Description = "Also where files are in use, and a stale mount of a dead daemon." };

    public static Command Create()
    {
        var command = new Command("unmount", "Store what is dirty, unmount, and end the daemon.") { MountPointPath, Force };
        command.SetAction((parsed, cancellation) => RunAsync(MountedPath.Normalize(parsed.GetRequiredValue(MountPointPath)), parsed.GetValue(Force), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(string mountPoint, bool force, CancellationToken cancellation)
    {
        var request = new ControlRequest(ControlOperations.Unmount, force);
        ControlReply? reply = await ControlClient.TryAskAsync(ControlSocket.PathOf(mountPoint), request, cancellation);
        if (reply is null)
        {
            DetachStale(mountPoint, force);
            return (int)ExitCode.Done;
        }

        if (reply.Message is not null)
            Console.Error.WriteLine($"venus: {reply.Message}");
        return (int)reply.Code;
    }

    private static void DetachStale(string mountPoint, bool force)
    {
        if (!KernelMount.IsStale(mountPoint))
            throw new HostingException(ExitCode.NotMounted, $"No venus is mounted at {mountPoint}.");
        if (!force)
            throw new HostingException(ExitCode.StaleMount, $"The daemon of {mountPoint} died; --force takes the mount away. What it had not stored is in its cache folder, and will be stored when it is mounted again.");
        if (!KernelMount.TryTakeAwayStale(mountPoint))
            throw new HostingException(ExitCode.Failed, $"The stale mount at {mountPoint} can't be taken away.");
        File.Delete(ControlSocket.PathOf(mountPoint));
    }
}
