namespace Afs.Simulation;

/// <summary>
/// An error that the simulation must find. Each is a decorator or a policy that stands between a host and one of its parts; the product
/// has no switch for it.
/// </summary>
public enum PlantedBug
{
    None,

    /// <summary>A client acknowledges breaks and goes on to believe what was broken.</summary>
    PromiseKeptAcrossBreak,

    /// <summary>A client counts its lease from when a reply came, instead of when its call was sent.</summary>
    LeaseCountedFromReply,

    /// <summary>The replies that retries would get are gone after a restart of the server.</summary>
    ReplyCacheNotDurable,

    /// <summary>Clients are told of a change before those who ask again can see it.</summary>
    BreakBeforeCommit,

    /// <summary>The server answers an upload before its content is on stable storage.</summary>
    FsyncLeftOut,

    /// <summary>A restarted server doesn't wait for clients that still trust what it promised in the life before.</summary>
    RestartBarrierLeftOut,

    /// <summary>A reply that a break overtook grants a promise nevertheless.</summary>
    BreakLogIgnored,

    /// <summary>After a restart of a client what it had not yet stored counts as clean.</summary>
    DirtyContainerForgotten,

    /// <summary>A mutation without a reply is called again as another call.</summary>
    RetryUnderNewNumber,

    /// <summary>A status that is older than the cached one replaces it.</summary>
    StaleStatusAccepted,
}
