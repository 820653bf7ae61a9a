namespace Afs.Fuse;

/// <summary>A mount could not be made, or a session not be started. <see cref="Error"/> is <see cref="Errno.None"/> where no system call failed.</summary>
public sealed class FuseException(string message, Errno error) : IOException(error == Errno.None ? message : $"{message} ({error})")
{
    public Errno Error { get; } = error;
}
