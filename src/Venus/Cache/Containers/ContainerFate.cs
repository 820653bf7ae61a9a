namespace Afs.Venus.Cache;

/// <summary>What becomes of a container at the end of its last use.</summary>
internal enum ContainerFate : byte
{
    /// <summary>It stays, for the next open.</summary>
    Current = 0,

    /// <summary>A newer version is in another container: deleted.</summary>
    Superseded,

    /// <summary>This client removed the file: nothing is stored any more; deleted.</summary>
    RemovedHere,

    /// <summary>Another client removed the file; the content lies in the recovered folder and stays there.</summary>
    Parked,

    /// <summary>Its last use ended.</summary>
    Gone,
}
