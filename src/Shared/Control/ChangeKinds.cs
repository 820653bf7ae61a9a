namespace Afs.Control;

/// <summary>What a watch can tell.</summary>
public static class ChangeKinds
{
    /// <summary>From here on changes are told.</summary>
    public const string Watching = "watching";
    public const string Created = "created";
    public const string Removed = "removed";
    public const string Renamed = "renamed";

    /// <summary>The name stands for another object.</summary>
    public const string Replaced = "replaced";

    /// <summary>A file's content.</summary>
    public const string Stored = "stored";

    /// <summary>Owner, mode, times, xattrs, or a folder's entries where the server doesn't say which.</summary>
    public const string Changed = "changed";

    /// <summary>No promise holds: what changes from here on is told once the server answers again.</summary>
    public const string OutOfTouch = "out-of-touch";

    public const string InTouch = "in-touch";

    /// <summary>Some changes were not told, because the watcher reads too slowly.</summary>
    public const string Missed = "missed";
}
