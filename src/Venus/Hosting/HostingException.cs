namespace Afs.Venus.Hosting;

/// <summary>Why a command can't go on: one line for the user, and the exit code.</summary>
public sealed class HostingException(ExitCode code, string message, Exception? inner = null) : Exception(message, inner)
{
    public ExitCode Code { get; } = code;
}
