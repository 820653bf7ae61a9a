using Afs.Venus.Cache;
using Afs.Venus.Callbacks;
using Afs.Venus.Servers;
using Afs.Vice.Volumes.Metadata;
using Afs.Vice.Volumes.Metadata.Memory;

namespace Afs.Simulation;

/// <summary>Puts the planted bug, if there is one, between a host and its parts.</summary>
internal sealed class BugKit(PlantedBug bug)
{
    public bool IgnoresServerSync => bug == PlantedBug.FsyncLeftOut;

    public IMetadataStore Metadata(IMetadataStore store, SimHost host) =>
        bug == PlantedBug.BreakBeforeCommit ? new LateCommits(store, host.World.Time) : store;

    public IViceServer Server(IViceServer server) => bug switch
    {
        PlantedBug.PromiseKeptAcrossBreak => new DeafServer(server),
        PlantedBug.RetryUnderNewNumber => new OtherCalls(server, static vice => new RetryingVice(vice)),
        PlantedBug.StaleStatusAccepted => new OtherCalls(server, static vice => new StaleVice(vice)),
        _ => server,
    };

    public ViceConnectionOptions Connection(ViceConnectionOptions options, TimeProvider time) =>
        bug == PlantedBug.LeaseCountedFromReply ? options with { Session = session => new LateLease(session, time) } : options;

    public IContainerIndex Index(IContainerIndex index) => bug == PlantedBug.DirtyContainerForgotten ? new ForgetfulIndex(index) : index;

    public BreakLog BreakLog() => bug == PlantedBug.BreakLogIgnored ? new DeafBreakLog() : new BreakLog();

    /// <summary>What a life of the server finds of the one before.</summary>
    public void BeforeServerLife(MemoryMetadataStore store)
    {
        if (bug is not (PlantedBug.ReplyCacheNotDurable or PlantedBug.RestartBarrierLeftOut))
            return;
        using IMetadataTransaction transaction = store.BeginTransaction();
        foreach (SessionRecord session in transaction.ReadSessions())
        {
            if (bug == PlantedBug.ReplyCacheNotDurable)
                transaction.DeleteReplies(session.Id, new(ulong.MaxValue));
            else
                transaction.PutSession(session with { HasLapsed = true });
        }
        transaction.Commit();
    }
}
