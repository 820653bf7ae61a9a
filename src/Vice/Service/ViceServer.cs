using Afs.Platform;
using Afs.Rpc;
using Afs.Vice.Callbacks;
using Afs.Vice.Volumes;
using Afs.Vice.Volumes.Commit;
using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Directories;
using Afs.Vice.Volumes.Metadata;
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
    private readonly KeptVersions _kept;
    private readonly Uploads _uploads;
    private readonly OrphanSweep _orphans;
    private readonly Room _room;
    private readonly SeenReplies _seen;
    private readonly DirectoryLog _directories;
    private readonly ContentLog _contents;

    /// <exception cref="StorageException">The metadata can't be used.</exception>
    /// <exception cref="DiskException">The disk can't be used.</exception>
    public ViceServer(ViceOptions options, ViceParts parts)
    {
        (IMetadataStore metadata, TimeProvider time, ILogger log) = (parts.Metadata, parts.Time, parts.Log);
        ServerLife life = ServerLife.Begin(metadata, options, parts.Random, time.GetUtcNow());
        var store = new ContentStore(parts.Disk, life.Epoch);
        store.Prepare();
        _room = new Room(parts.Disk);
        _room.Look();

        var terms = new LeaseTerms(options.Lease);
        var table = new SessionTable();
        var figures = new ServiceFigures();
        SeenReplies seen = _seen = new SeenReplies();
        DirectoryLog directories = _directories = new DirectoryLog(options.DirectoryLogChanges);
        ContentLog contents = _contents = new ContentLog(options.ContentLogExtents);
        var retired = new RetiredContents(store, parts.Work, log);
        _uploads = new Uploads(store, new UploadTable(time), _room, parts.Work, time, log);
        Promises = new Promises(options.MostPromises, terms, life.Volumes, time, log);
        Committer = new GroupCommitter(metadata, parts.WakeCommitter, seen.Delete, parts.LoneCallersGoOnAtCommit);
        var effects = new CommitEffects(table, Promises, directories, contents, _uploads, retired, figures, log);
        var writer = new Writer(Committer, effects, time);
        _sessions = new Sessions(options, life.Epoch, terms, table, Promises, seen, writer, retired, parts.Callbacks, time, log);
        _kept = new KeptVersions(metadata, options, writer, retired, time);
        _orphans = new OrphanSweep(metadata, store, life.Epoch);

        var reads = new Reads(_sessions, figures, log);
        var data = new DataReads(metadata, Promises, store, contents);
        ServerStatus status = Status = new ServerStatus(life.Epoch, table, Promises, Committer, _uploads, retired, directories, figures, time);
        Service = new ViceService(
            _sessions, reads, new StatusReads(metadata, Promises), new DirectoryReads(metadata, Promises, directories), data,
            new VolumeReads(metadata, store), status, Promises, writer, new StoreData(_uploads.Table),
            new InlineParts(metadata, store, _uploads, parts.Work), _room, figures);
        Replies = new ReplyStore(metadata, _sessions, seen, Promises);
        Bulk = new BulkHandler(metadata, reads, data, _uploads);
        _sessions.Load(life.Sessions);
    }

    public IViceService Service { get; }

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

    /// <summary>To be called every second or so: leases, sessions, uploads and kept versions whose time is over.</summary>
    public async Task SweepAsync()
    {
        _room.Look();
        await _sessions.SweepAsync();
        _uploads.Sweep();
        await _kept.SweepAsync();
    }

    /// <summary>To be called once, soon after the start, where it may block: deletes contents that an earlier life left behind. The value is how many.</summary>
    public int SweepOrphans() => _orphans.Run();

    /// <summary>Throws where the state in memory is inconsistent; for tests and simulation.</summary>
    public void CheckInvariants()
    {
        Promises.CheckInvariants();
        _sessions.Table.CheckInvariants();
        _seen.CheckInvariants(_sessions.Table);
        _uploads.Table.CheckInvariants();
        _directories.CheckInvariants();
        _contents.CheckInvariants();
        foreach (ClientSession session in _sessions.Table.All())
            Promises.CheckInvariants(session);
    }
}
