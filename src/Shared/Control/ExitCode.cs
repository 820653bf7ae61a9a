namespace Afs.Control;

/// <summary>What the `venus` and `afs` commands end with. The numbers are for scripts and don't change.</summary>
public enum ExitCode
{
    Done = 0,

    /// <summary>Something that none of the others says; the message tells.</summary>
    Failed = 1,

    /// <summary>The command line is wrong.</summary>
    Usage = 2,

    /// <summary>The server can't be reached, or doesn't answer.</summary>
    ServerUnreachable = 3,

    /// <summary>What was given as the server is no address.</summary>
    BadAddress = 4,

    /// <summary>The server has no such volume.</summary>
    NoSuchVolume = 5,

    /// <summary>The mount point is missing, is no folder, or isn't empty.</summary>
    BadMountPoint = 6,

    /// <summary>At the mount point stands a mount whose daemon died.</summary>
    StaleMount = 7,

    /// <summary>Another Venus uses the cache folder, or is mounted there already.</summary>
    InUse = 8,

    /// <summary>The cache folder can't be written: read-only, full, or not permitted.</summary>
    CacheUnusable = 9,

    /// <summary>The machine has no /dev/fuse, or its kernel is too old.</summary>
    NoFuse = 10,

    /// <summary>This user may not mount, or may not ask this of the daemon.</summary>
    NoPermission = 11,

    /// <summary>No Venus is mounted there.</summary>
    NotMounted = 12,

    /// <summary>The mount is in use.</summary>
    Busy = 13,

    /// <summary>Some changes could not be stored. They stay in the cache folder.</summary>
    NotStored = 14,

    /// <summary>The configuration file can't be read, or has an unknown option.</summary>
    BadConfiguration = 15,

    /// <summary>There is no such file or folder.</summary>
    NoSuchPath = 17,

    /// <summary>The cache has no room for it.</summary>
    CacheFull = 16,
}
