namespace Afs.Venus.Cache;

/// <summary>What the index says of a container. Numbers are on disk: never reused.</summary>
internal enum ContainerState : byte
{
    /// <summary>Its content is that of its base version, at the server too.</summary>
    Clean = 1,

    /// <summary>Open for writing, or was when the daemon died: there may be changes that no close has finished.</summary>
    Writing = 2,

    /// <summary>Changed, closed or synced, and not yet stored.</summary>
    Dirty = 3,
}
