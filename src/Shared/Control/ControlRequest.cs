namespace Afs.Control;

/// <summary>What a command asks of a running daemon: one line of JSON.</summary>
/// <param name="Operation">One of <see cref="ControlOperations"/>.</param>
/// <param name="Force">Unmount: also where it is in use.</param>
/// <param name="Paths">What it is about, each relative to the mount point and without '.', '..' and links; empty for the mount point itself.</param>
/// <param name="IsRecursive">With all that lies below the paths.</param>
/// <param name="Bytes">The size of the cache.</param>
/// <param name="TimeoutMs">How long to wait for the server.</param>
public sealed record ControlRequest(
    string Operation, bool Force = false, IReadOnlyList<string>? Paths = null, bool IsRecursive = false, long Bytes = 0, int TimeoutMs = 0)
{
    /// <summary>A path as the kernel takes it.</summary>
    public const int MostPathChars = 4096;

    public const int MostPaths = 256;
}
