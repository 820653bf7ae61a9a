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

    /// <summary>The server syncs the folder above the one that a content got its name in.</summary>
    WrongFolderSynced,

    /// <summary>A client syncs what is in a container that it records as closed, and not the folder that has its name.</summary>
    ContainerNameUnsynced,

    /// <summary>A restarted server doesn't wait for clients that still trust what it promised in the life before.</summary>
    RestartBarrierLeftOut,

    /// <summary>A reply that a break overtook grants a promise nevertheless.</summary>
    BreakLogIgnored,

    /// <summary>After a restart of a client what it had not yet stored counts as clean.</summary>
    DirtyContainerForgotten,

    /// <summary>A change of a client's index that its disk refused is never tried again.</summary>
    FailedIndexChangeDropped,

    /// <summary>A mutation without a reply is called again as another call.</summary>
    RetryUnderNewNumber,

    /// <summary>A status that is older than the cached one replaces it.</summary>
    StaleStatusAccepted,

    /// <summary>A client that was late, and is promised nothing, goes on to believe what it is told.</summary>
    MissingPromisesIgnored,

    /// <summary>Where file times move in ticks, a look within one counts as one that no later change escapes.</summary>
    TicksIgnored,

    /// <summary>Nobody is ever taken to have a container mapped.</summary>
    MappingsUnseen,

    /// <summary>A change of a file's mode is acknowledged, told to others, and not kept.</summary>
    ModeLost,

    /// <summary>The server keeps a modification time that belongs to the change before.</summary>
    TimesConfused,

    /// <summary>A client makes each change of an xattr twice.</summary>
    XattrChangedTwice,

    /// <summary>A client goes on with the xattrs that it read first.</summary>
    XattrsNotTold,

    /// <summary>A client opens what it wrote and closed before its kernel has told it of that close, whatever others stored since.</summary>
    ReleaseNotAwaited,

    /// <summary>With write-behind: which batch was the last is kept beside the transaction that applies it, and is gone after a restart of the server.</summary>
    BatchRowNotDurable,

    /// <summary>The last two changes of a batch go in the other order.</summary>
    BatchInWrongOrder,

    /// <summary>A batch names a content that isn't in it.</summary>
    ContentLeftOut,

    /// <summary>A batch counts as applied when it has been sent: whoever reads, syncs or returns a token after it comes before it.</summary>
    BatchBelievedSent,

    /// <summary>What a batch's answer says was refused is overheard.</summary>
    RefusalsUntold,

    /// <summary>A recalled token is returned at once, and what was done under it is sent after that.</summary>
    TokenReturnedFirst,

    /// <summary>A token that the server doesn't give, for another has it, counts as given.</summary>
    TokenTakenAnyway,

    /// <summary>A block of numbers is leased once more, to whoever asks.</summary>
    NumbersLeasedTwice,

    /// <summary>fsync waits for nothing.</summary>
    FsyncNotAwaited,

    /// <summary>A client starts without looking for a log.</summary>
    LogNotReplayed,
}
