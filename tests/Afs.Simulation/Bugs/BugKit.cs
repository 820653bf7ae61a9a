using Afs.Venus.Cache;
using Afs.Venus.Callbacks;
using Afs.Venus.Servers;
using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Metadata;

namespace Afs.Simulation;

/// <summary>Puts the planted bug, if there is one, between a host and its parts.</summary>
internal sealed class BugKit(PlantedBug bug)
{
    public PlantedBug Planted => bug;

    public bool IgnoresServerSync => bug == PlantedBug.FsyncLeftOut;

    public string? ServerSyncsInstead => bug == PlantedBug.WrongFolderSynced ? FileContentStore.ContentFolder : null;

    public bool DropsFailedIndexChanges => bug == PlantedBug.FailedIndexChangeDropped;

    public IMetadataStore Metadata(IMetadataStore store, SimHost host) => bug switch
    {
        PlantedBug.BreakBeforeCommit => new LateCommits(store, host.World.Time),
        PlantedBug.ModeLost => new AlteredVnodes(store, AlteredVnodes.LoseMode),
        PlantedBug.TimesConfused => new AlteredVnodes(store, AlteredVnodes.ConfuseTimes),
        _ => store,
    };

    public IViceServer Server(IViceServer server) => bug switch
    {
        PlantedBug.PromiseKeptAcrossBreak => new DeafServer(server),
        PlantedBug.RetryUnderNewNumber => new OtherCalls(server, static vice => new RetryingVice(vice)),
        PlantedBug.StaleStatusAccepted => new OtherCalls(server, static vice => new StaleVice(vice)),
        PlantedBug.XattrChangedTwice => new OtherCalls(server, static vice => new RepeatingVice(vice)),
        PlantedBug.XattrsNotTold => new OtherCalls(server, static vice => new FirstXattrs(vice)),
        _ => server,
    };

    public ViceConnectionOptions Connection(ViceConnectionOptions options, TimeProvider time) =>
        bug switch
        {
            PlantedBug.LeaseCountedFromReply => options with { Session = session => new LateLease(session, time) },
            PlantedBug.MissingPromisesIgnored => options with { Session = static session => new Believer(session) },
            _ => options,
        };

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
