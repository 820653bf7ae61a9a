using System.Reflection;
using System.Runtime.ExceptionServices;
using Afs.Platform;
using Afs.Rpc;
using Afs.Vice.Callbacks;
using Afs.Vice.Locks;
using Afs.Vice.Volumes;
using Afs.Vice.Volumes.Commit;
using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Directories;
using Afs.Vice.Volumes.Metadata;
using Afs.Vice.Volumes.Mutations;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Vice.Service;

/// <summary>
/// The file server without sockets, threads and clocks: whoever hosts it brings those. Making one begins a new life of the server:
/// its epoch is raised and stored. One server to a store at a time.
/// </summary>
public sealed class ViceServer
{
    private readonly Sessions _sessions;
    private readonly LockKeeping _locks;
    private readonly KeptVersions _kept;
    private readonly Uploads _uploads;
    private readonly OrphanSweep _orphans;
    private readonly Room _room;
    private readonly Wishes _wishes;
    private readonly SeenReplies _seen;
    private readonly DirectoryLog _directories;
    private readonly ContentLog _contents;
    private readonly IBlockingWork _syncs;

    /// <exception cref="StorageException">The metadata can't be used.</exception>
    /// <exception cref="DiskException">The disk can't be used.</exception>
    public ViceServer(ViceOptions options, ViceParts parts)
    {
        (IMetadataStore metadata, TimeProvider time, ILogger log) = (parts.Metadata, parts.Time, parts.Log);
        ServerLife life = ServerLife.Begin(metadata, options, parts.Random, time.GetUtcNow());
        _room = new Room(parts.Disk);
        IContentStore store = parts.OpenContents(_room);
        _syncs = parts.Disks.Syncs;
        _room.Look();

        var warnings = new PeerWarnings(time);
        var terms = new LeaseTerms(options.Lease);
        var table = new SessionTable();
        var figures = new ServiceFigures();
        SeenReplies seen = _seen = new SeenReplies();
        DirectoryLog directories = _directories = new DirectoryLog(options.DirectoryLogChanges);
        ContentLog contents = _contents = new ContentLog(options.ContentLogExtents);
        var retired = new RetiredContents(metadata, store, parts.Disks.Metadata, log);
        CallersTurns turns = parts.Disks.Turns;
        _uploads = new Uploads(metadata, store, new ObjectIds(life.Epoch), new UploadTable(time), _room, turns, time, warnings, log);
        Promises = new Promises(options.MostPromises, options.MostTokens, terms, life.Volumes, time, warnings, log);
        Committer = new GroupCommitter(metadata, parts.WakeCommitter, seen.Delete, parts.Random, parts.LoneCallersGoOnAtCommit);
        var renames = new Renames(metadata, parts.Disks.Metadata);
        var effects = new CommitEffects(renames.Moves, table, Promises, directories, contents, _uploads, retired, seen, figures, warnings, log);
        var writer = new Writer(Committer, effects, Promises.Tokens.Waits, time);
        LockKeeping keeping = _locks = new LockKeeping(options.MostLocks, life.Epoch, terms, Promises, writer, time, warnings, log);
        Locks = keeping.Table;
        _sessions = new Sessions(options, life.Epoch, terms, table, Promises, keeping, seen, writer, new SessionEnd(metadata, writer, retired, time), parts.Callbacks, warnings, log);
        _kept = new KeptVersions(metadata, options, writer, retired, _room, time, log);
        parts.Disk.CreateDirectory(Wishes.Folder);
        _wishes = new Wishes(parts.Disk, _kept, _uploads, log);
        _orphans = new OrphanSweep(metadata, store, life.Epoch, parts.Disks.Metadata);

        var reads = new Reads(_sessions, Promises, turns, figures, warnings, log);
        var data = new DataReads(metadata, Promises, store, contents, turns);
        var tokens = new TokenCalls(_sessions, Promises, writer, figures);
        var locks = new LockCalls(_sessions, keeping, life.Volumes, figures);
        var changes = new Changes(new StoreData(_uploads.Table), Locks, _room);
        ServerStatus status = Status = new ServerStatus(life.Epoch, table, Promises, Locks, Committer, _uploads, retired, directories, figures, time);
        Service = new ViceService(
            _sessions, reads, new StatusReads(metadata, Promises), new DirectoryReads(metadata, Promises, directories), data,
            new VolumeReads(metadata, store, turns), status, Promises, writer, changes, new Batches(changes, tokens, renames.Moves, effects), tokens, locks,
            new InlineParts(metadata, store, _uploads, turns), renames, _room, figures);
        Replies = new ReplyStore(metadata, _sessions, turns, seen, Promises);
        Bulk = new BulkHandler(reads, data, _uploads);
        _sessions.Load(life.Sessions);
    }

    public IViceService Service { get; }

    /// <summary>The volume, as connections name it.</summary>
    /// <param name="service">What stands before the service, e.g. to watch it; null: nothing.</param>
    public RpcScope ToScope(string name, IViceService? service = null) => new()
    {
        Name = name,
        Dispatcher = new ViceServiceDispatcher(service ?? Service),
        Sessions = Sessions,
        Replies = Replies,
        Bulk = Bulk,
    };

    public IServerSessions Sessions => _sessions;

    public IReplyStore Replies { get; }

    /// <summary>The server's figures, for who hosts it.</summary>
    internal ServerStatus Status { get; }

    /// <summary>The sessions of clients.</summary>
    internal SessionTable Clients => _sessions.Table;

    public IBulkHandler Bulk { get; }

    /// <summary>The one writer. The host gives it its thread.</summary>
    public GroupCommitter Committer { get; }

    public Promises Promises { get; }

    /// <summary>Who holds which lock on which file.</summary>
    public ServerLocks Locks { get; }

    /// <summary>To be called every second or so: leases, sessions, uploads and kept versions whose time is over.</summary>
    /// <exception cref="StorageException">Something of it failed; all the rest was done.</exception>
    /// <exception cref="DiskException">As before.</exception>
    public async Task SweepAsync()
    {
        Exception? failure = null;
        foreach (Func<Task> chore in new[] { Beside(_room.Look), _sessions.SweepAsync, () => _locks.SweepAsync(Clients), _uploads.SweepAsync, _kept.SweepAsync, _wishes.SweepAsync })
        {
            try
            {
                await chore();
            }
            catch (Exception e) when (e is StorageException or DiskException)
            {
                failure ??= e;
            }
        }
        if (failure is not null)
            ExceptionDispatchInfo.Throw(failure);
    }

    private Func<Task> Beside(Action chore) => () => _syncs.RunAsync(() =>
    {
        chore();
        return true;
    });

    /// <summary>To be called once, soon after the start: deletes contents that an earlier life left behind. The value is how many.</summary>
    /// <exception cref="StorageException">The metadata can't be read.</exception>
    /// <exception cref="DiskException">The contents can't.</exception>
    public Task<int> SweepOrphansAsync(CancellationToken cancellation) => _orphans.RunAsync(cancellation);

    /// <summary>Throws where the state in memory is inconsistent; for tests and simulation.</summary>
    public void CheckInvariants()
    {
        Promises.CheckInvariants();
        Locks.CheckInvariants();
        _sessions.Table.CheckInvariants();
        _seen.CheckInvariants(_sessions.Table);
        _uploads.Table.CheckInvariants();
        _directories.CheckInvariants();
        _contents.CheckInvariants();
        foreach (ClientSession session in _sessions.Table.All())
            Promises.CheckInvariants(session);
    }
}

/// <summary>What a server stands on, real or made for a test.</summary>
public sealed record ViceParts
{
    public required IMetadataStore Metadata { get; init; }

    /// <summary>The folder of the metadata and of <see cref="Wishes"/>, whose room is looked after.</summary>
    public required IDisk Disk { get; init; }

    /// <summary>Called once the server's life has begun; before, nothing of the contents is touched. Throws <see cref="DiskException"/> where they can't be used.</summary>
    public required Func<Room, IContentStore> OpenContents { get; init; }

    /// <summary>Its timestamps go on while the machine sleeps.</summary>
    public required TimeProvider Time { get; init; }

    /// <summary>Of it are the uniquifiers, which nobody may foresee. From the start of the server on the writer alone uses it.</summary>
    public required Random Random { get; init; }

    public required DiskThreads Disks { get; init; }

    /// <summary>Something waits for <see cref="ViceServer.Committer"/>. Called on any thread; must not wait.</summary>
    public required Action WakeCommitter { get; init; }

    /// <summary>Only where the service has no other caller than the Rpc layer, which sends the reply and is done.</summary>
    public bool LoneCallersGoOnAtCommit { get; init; }

    /// <summary>How a client is called over its channel.</summary>
    public required Func<IRpcChannel, IVenusCallbacks> Callbacks { get; init; }

    public required ILogger Log { get; init; }
}

/// <summary>
/// Who waits for the disk: four lines, so that neither reads nor what arrives stand behind an fsync, and no content holds up what needs none.
/// </summary>
/// <param name="Metadata">Metadata that is read, where <see cref="MostCallers"/> threads of callers are reading it already.</param>
/// <param name="Reads">Content files that are read.</param>
/// <param name="Writes">Contents that arrive.</param>
/// <param name="Syncs">What waits for stable storage, and deletes.</param>
public sealed record DiskThreads(IBlockingWork Metadata, IBlockingWork Reads, IBlockingWork Writes, IBlockingWork Syncs)
{
    /// <summary>Threads of callers that read metadata themselves at one time, since nearly all of it is in memory. More can't work at once.</summary>
    public static readonly int MostCallers = Environment.ProcessorCount;

    /// <summary>Of all volumes that wait here, together.</summary>
    public CallersTurns Turns { get; } = new(Metadata, MostCallers);

    /// <summary>All is done at once on the callers' threads: for tests and simulation.</summary>
    public static DiskThreads Inline { get; } = new(new InlineWork(), new InlineWork(), new InlineWork(), new InlineWork());
}

/// <summary>What an administrator chooses. The defaults serve a small cell.</summary>
public sealed record ViceOptions
{
    /// <summary>The volume that is made where there is none.</summary>
    public string VolumeName { get; init; } = "root";

    /// <summary>Owner of a new volume's root directory.</summary>
    public uint RootUid { get; init; }

    public uint RootGid { get; init; }

    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Promises held; beyond, the oldest are broken.</summary>
    public int MostPromises { get; init; } = 1_000_000;

    /// <summary>Write tokens held. Of these a session has its share.</summary>
    public int MostTokens { get; init; } = 100_000;

    /// <summary>Locks on files, lock tokens, and requests for locks that wait or are remembered, in all. Of these a session has its share.</summary>
    public int MostLocks { get; init; } = 1_000_000;

    public int MostSessions { get; init; } = 100_000;

    /// <summary>A session whose client was silent for so long ends, and its objects without a name go.</summary>
    public TimeSpan SessionPatience { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Changes of directories that are remembered, so that clients need not list them again.</summary>
    public int DirectoryLogChanges { get; init; } = 262_144;

    /// <summary>Extents of changed contents that are remembered, so that clients need not fetch the whole again.</summary>
    public int ContentLogExtents { get; init; } = 262_144;

    /// <summary>For how long a version is kept that was replaced by a writer who hadn't seen it.</summary>
    public TimeSpan KeptFor { get; init; } = TimeSpan.FromDays(7);

    /// <summary>How many of those are kept.</summary>
    public int MostKept { get; init; } = 1024;
}

/// <summary>The way to the one writer, for all of the service.</summary>
internal sealed class Writer(GroupCommitter committer, ICommitEffects effects, TokenWaits waits, TimeProvider time)
{
    /// <summary>
    /// Runs a client's mutation; the outcome comes when it is on stable storage and nobody else trusts what it changed. Where it would touch what another session holds
    /// it leaves no trace, and is run again when that is returned.
    /// </summary>
    /// <exception cref="MalformedMessageException">Another request had this number.</exception>
    /// <exception cref="CallUnansweredException">What it did is unknown.</exception>
    /// <exception cref="CallPutOffException">It did nothing: too many wait.</exception>
    public async ValueTask<Outcome<TReply>> MutateAsync<TReply>(CallContext call, Func<ServerScope, Outcome<TReply>> run, int weight = 1)
        where TReply : IWireMessage<TReply>
    {
        while (true)
        {
            var mutation = new ClientMutation<TReply>(call, run, effects, time, weight);
            if (!committer.TryEnqueue(mutation))
                return AbortCodes.Busy;
            try
            {
                CommittedOutcome<TReply> committed = await mutation.Done;
                await committed.Breaks;
                return committed.Outcome;
            }
            catch (HeldVnodeException held)
            {
                await waits.WaitAsync(call.Id.Session, held.Free);
            }
        }
    }

    /// <summary>Runs a change of the server's own.</summary>
    /// <exception cref="StorageException">Nothing was changed.</exception>
    /// <exception cref="CallUnansweredException">The writer ends, and what was changed is unknown.</exception>
    /// <param name="undo">Takes back what a run did beside the transaction, where that isn't committed; null: it did nothing.</param>
    public async Task<T> ChangeAsync<T>(Func<IMetadataTransaction, BatchVolumes, T> run, Action? undo = null)
    {
        var work = new ServerWork<T>(run, undo);
        if (!committer.TryEnqueue(work))
            throw new StorageException(StorageFailure.Failed, "Too much waits to be committed.");
        return await work.Done;
    }
}

/// <summary>The server's figures, each with its name.</summary>
internal sealed class ServerStatus(
    Epoch epoch, SessionTable sessions, Promises promises, ServerLocks locks, GroupCommitter committer, Uploads uploads, RetiredContents retired,
    DirectoryLog directories, ServiceFigures figures, TimeProvider time)
{
    private static readonly string Version =
        typeof(ServerStatus).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "?";

    private readonly long _started = time.GetTimestamp();

    public Outcome<GetServerStatusReply> Get() => new GetServerStatusReply
    {
        Version = Version,
        Epoch = epoch.Value,
        UptimeMs = (long)time.GetElapsedTime(_started).TotalMilliseconds,
        Figures = [.. Figures().Select(figure => new Figure { Name = figure.Name, Value = figure.Value })],
    };

    private IEnumerable<(string Name, long Value)> Figures()
    {
        IReadOnlyList<ClientSession> all = sessions.All();
        yield return ("sessions", all.Count);
        yield return ("sessions.connected", all.Count(session => session.IsConnected));
        yield return ("sessions.lapsed", all.Count(session => session.IsLapsed));
        yield return ("promises", promises.Count);
        yield return ("tokens", promises.Tokens.Count);
        yield return ("tokens.recalled", promises.Tokens.Recalls);
        (int held, int queued, int tokens) = locks.Counts;
        yield return ("locks", held);
        yield return ("locks.waiting", queued);
        yield return ("locks.tokens", tokens);
        yield return ("locks.recalled", locks.Recalls);
        yield return ("locks.lost", locks.Falls);
        yield return ("breaks.sent", promises.Figures.BreaksSent);
        yield return ("breaks.calls", promises.Figures.BreakCalls);
        yield return ("breaks.evicted", promises.Figures.BreaksEvicted);
        yield return ("resets", promises.Figures.Resets);
        yield return ("clients.late", promises.Figures.Late);
        yield return ("sessions.without-promises", all.Count(session => session.IsWithoutPromises));
        yield return ("reads", figures.Reads);
        yield return ("mutations", figures.Mutations);
        yield return ("stores.unseen", figures.StoresUnseen);
        yield return ("commits", committer.Commits);
        yield return ("commits.work", committer.Committed);
        yield return ("commits.failed", committer.Failures);
        yield return ("storage.failures", figures.StorageFailures);
        yield return ("uploads", uploads.Table.Count);
        yield return ("contents.retired", retired.Count);
        yield return ("directory.changes", directories.Count);
    }
}

/// <summary>Counts since the server's start. Safe for concurrent use.</summary>
internal sealed class ServiceFigures
{
    private long _reads, _mutations, _unseen, _storageFailures;

    public long Reads => Volatile.Read(ref _reads);

    public long Mutations => Volatile.Read(ref _mutations);

    /// <summary>Stores that replaced a version which their writer had not seen.</summary>
    public long StoresUnseen => Volatile.Read(ref _unseen);

    public long StorageFailures => Volatile.Read(ref _storageFailures);

    public void CountRead() => Interlocked.Increment(ref _reads);

    public void CountMutation() => Interlocked.Increment(ref _mutations);

    public void CountUnseen() => Interlocked.Increment(ref _unseen);

    public void CountStorageFailure() => Interlocked.Increment(ref _storageFailures);
}
