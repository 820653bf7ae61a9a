using Afs.Rpc;
using Afs.Vice.Volumes.Mutations;
using Afs.Wire;

namespace Afs.Vice.Volumes.Commit;

/// <summary>What the rest of the server does with a client's mutation. Called on the writer's thread; must not wait.</summary>
public interface ICommitEffects
{
    /// <summary>Before the commit, so that a change by a later mutation finds these promises.</summary>
    void Promise(SessionId session, IReadOnlyList<Fid> fids);

    /// <summary>It is on stable storage. The task ends when every other client that held a promise on what changed has let go of it.</summary>
    Task Committed(SessionId session, ChangeSet changes);

    /// <summary>For a call that is answered with its stored reply: ends when the breaks of a life before this one can't matter any more.</summary>
    Task Settled(SessionId session);

    /// <summary>The commit failed, or the mutation was refused.</summary>
    void Abandoned(ChangeSet changes);
}
