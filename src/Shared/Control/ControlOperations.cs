namespace Afs.Control;

/// <summary>The names of operations on the control socket. docs/protocol/control.md describes them.</summary>
public static class ControlOperations
{
    public const string Status = "status";
    public const string Recovered = "recovered";
    public const string Whereis = "whereis";
    public const string Examine = "examine";
    public const string CheckServers = "checkservers";
    public const string CacheParameters = "getcacheparms";

    /// <summary>Answered by several lines: progress, then the end.</summary>
    public const string Fetch = "fetch";

    /// <summary>Answered by a line for each change, until the asker goes.</summary>
    public const string Watch = "watch";

    /// <summary>Stores what is dirty.</summary>
    public const string Flush = "flush";

    /// <summary>Stores what is dirty and lets go of the cached copies.</summary>
    public const string Discard = "discard";

    public const string SetCacheSize = "setcachesize";
    public const string Unmount = "unmount";
}
