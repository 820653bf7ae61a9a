namespace Afs.Cli;

/// <summary>Something in a mount.</summary>
/// <param name="Path">From the mount point; empty for that itself.</param>
internal sealed record MountedFile(Mount Mount, string Path);
