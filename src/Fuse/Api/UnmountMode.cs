namespace Afs.Fuse;

/// <summary>How far an unmount goes where files of the mount are in use.</summary>
public enum UnmountMode
{
    /// <summary>Refuses with EBUSY.</summary>
    Normal,

    /// <summary>Takes the mount out of the tree at once; the session ends when the last file in use is closed.</summary>
    Detach,

    /// <summary>Ends the connection: everything in use gets ENOTCONN or ECONNABORTED, and the mount goes.</summary>
    Abort,
}
