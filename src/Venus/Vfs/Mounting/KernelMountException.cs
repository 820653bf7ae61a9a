namespace Afs.Venus.Vfs;

/// <summary>The kernel refuses a mount.</summary>
public sealed class KernelMountException(MountRefusal refusal, string message, Exception inner) : Exception(message, inner)
{
    public MountRefusal Refusal { get; } = refusal;
}
