namespace Afs.Rpc;

/// <summary>What a reply says. The first four are the outcomes of <see cref="OutcomeKind"/>.</summary>
internal enum ReplyStatus : byte
{
    NotExecuted = 0,
    Replied = 1,
    Aborted = 2,
    Unknown = 3,

    /// <summary>Not executed: the server has too many calls of this session, or is stopping. The same call may be sent again later.</summary>
    Busy = 4,

    /// <summary>Not executed: the session ended.</summary>
    SessionUnknown = 5,
}
