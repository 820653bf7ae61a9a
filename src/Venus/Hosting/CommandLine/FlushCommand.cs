using System.CommandLine;

namespace Afs.Venus.Hosting;

/// <summary>`venus flush [PATH]`: stores all that is dirty in the mount that the path lies in, or in all mounts.</summary>
internal static class FlushCommand
{
    private static readonly Argument<string?> AnyPath = new("path") { Arity = ArgumentArity.ZeroOrOne, Description = "A mount point or anything in it; all mounts of this user where left out." };

    public static Command Create()
    {
        var command = new Command("flush", "Store all changes that are not stored yet.") { AnyPath };
        command.SetAction((parsed, cancellation) => RunAsync(parsed.GetValue(AnyPath), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(string? path, CancellationToken cancellation)
    {
        IEnumerable<string> sockets = path is null ? ControlSocket.All() : [SocketOf(path)];
        ExitCode code = ExitCode.Done;
        foreach (string socket in sockets)
        {
            ControlReply? reply = await ControlClient.TryAskAsync(socket, new ControlRequest(ControlOperations.Flush), cancellation);
            if (reply is null && path is not null)
                throw new HostingException(ExitCode.NotMounted, $"No venus is mounted at {path}.");
            if (reply is not null and not { Code: ExitCode.Done })
            {
                Console.Error.WriteLine($"venus: {reply.Message}");
                code = reply.Code;
            }
        }

        return (int)code;
    }

    private static string SocketOf(string path) => MountedPath.FindMountOf(path) is { } mountPoint
        ? ControlSocket.PathOf(mountPoint)
        : throw new HostingException(ExitCode.NotMounted, $"{path} is in no mount of a venus.");
}
