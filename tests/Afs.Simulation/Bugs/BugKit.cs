using Afs.Rpc;
using Afs.Venus.Cache;
using Afs.Venus.Callbacks;
using Afs.Venus.Servers;
using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Simulation;

/// <summary>Puts the planted bug, if there is one, between a host and its parts.</summary>
internal sealed class BugKit(PlantedBug bug)
{
    private readonly List<LeaseVnodesReply> _leased = [];

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
        PlantedBug.BatchInWrongOrder => new OtherCalls(server, static vice => new BatchesInWrongOrder(vice)),
        PlantedBug.ContentLeftOut => new OtherCalls(server, static vice => new BatchesWithoutContents(vice)),
        PlantedBug.BatchBelievedSent => new OtherCalls(server, static vice => new BatchesBelievedSent(vice)),
        PlantedBug.RefusalsUntold => new OtherCalls(server, static vice => new DeafToRefusals(vice)),
        PlantedBug.TokenReturnedFirst => new HastyReturner(server),
        PlantedBug.TokenTakenAnyway => new OtherCalls(server, static vice => new TokenTaker(vice)),
        PlantedBug.NumbersLeasedTwice => new OtherCalls(server, vice => new LeasesTwice(vice, _leased)),
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
        if (bug is not (PlantedBug.ReplyCacheNotDurable or PlantedBug.RestartBarrierLeftOut or PlantedBug.BatchRowNotDurable))
            return;
        using IMetadataTransaction transaction = store.BeginTransaction();
        foreach (SessionRecord session in transaction.ReadSessions())
        {
            if (bug == PlantedBug.ReplyCacheNotDurable)
                transaction.DeleteReplies(session.Id, new(ulong.MaxValue));
            else if (bug == PlantedBug.RestartBarrierLeftOut)
                transaction.PutSession(session with { HasLapsed = true });
            else
                LoseLastBatch(transaction, session.Client);
        }
        transaction.Commit();
    }

    /// <summary>What a life of a client finds of the one before.</summary>
    public void BeforeClientLife(SimDisk disk)
    {
        if (bug != PlantedBug.LogNotReplayed)
            return;
        foreach (string name in disk.List(".").Where(static name => name.StartsWith("changes-", StringComparison.Ordinal) && name.EndsWith(".log", StringComparison.Ordinal)))
            disk.Unlink(name);
    }

    private static void LoseLastBatch(IMetadataTransaction transaction, ClientId client)
    {
        foreach (VolumeRecord volume in transaction.ReadVolumes())
        {
            LastBatch last = transaction.FindLastBatch(volume.Id, client);
            if (last.Number.Value > 0)
                transaction.PutLastBatch(volume.Id, client, last with { Number = new BatchNumber(last.Number.Value - 1) });
        }
    }
}
