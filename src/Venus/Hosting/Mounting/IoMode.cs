namespace Afs.Venus.Hosting;

/// <summary>Who serves read and write of a cached file.</summary>
public enum IoMode
{
    /// <summary>The kernel where it can, else the daemon.</summary>
    Auto,

    /// <summary>The kernel, straight from the container; the mount is refused where that can't be.</summary>
    Passthrough,

    Daemon,
}
