using Afs.Fuse;

namespace Afs.Venus.Vfs;

/// <summary>How a file was attached to its node.</summary>
/// <param name="KeepsPages">What the kernel has cached of the content holds.</param>
/// <param name="IsRebound">The node's last open was of another container: what the kernel believes of the file is old.</param>
/// <param name="Backing">The registration to pass through; none where the daemon serves READ and WRITE.</param>
internal readonly record struct FileBinding(bool KeepsPages, bool IsRebound, BackingId Backing);
