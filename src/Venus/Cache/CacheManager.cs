using Afs.Rpc;
using Afs.Venus.Callbacks;
using Afs.Venus.Servers;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Cache;

/// <summary>
/// The cache manager of one mounted volume: makes its parts, holds them together, and ends them in order. Decides nothing.
/// </summary>
public sealed partial class CacheManager : ICacheManager, IAsyncDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly IViceServer _server;
    private readonly CacheStorage _storage;
    private readonly CacheOptions _options;
    private readonly TimeProvider _time;
    private readonly PeerWarnings _warnings;
    private readonly KernelNotices _kernel;
    private readonly CacheFigures _figures = new();
    private readonly ContainerStore _store;
    private readonly VolumeStatuses _statuses;
    private readonly VolumeContents _contents;
    private readonly VolumeOperations _operations;
    private readonly VolumeQuestions _questions;
    private readonly Housekeeping _housekeeping;
    private readonly ViceCalls _calls;
    private readonly ILogger _log;
    private Task _running = Task.CompletedTask;
    private bool _isDisposed;

    internal CacheManager(
        CacheOptions options, CacheStorage storage, IViceServer server, TimeProvider time, Random random, ILogger log, BreakLog? breakLog = null)
    {
        (_options, _storage, _server, _time, _log) = (options, storage, server, time, log);
        _calls = new ViceCalls(server.Vice, server.Content, options.Times);
        _warnings = new PeerWarnings(time);
        _kernel = new KernelNotices(server.Name, _warnings, log);
        var around = new VolumeSurroundings(options, server, _calls, _figures, _warnings, time, random, log, _stopping.Token);
        _store = new ContainerStore(storage, options.Limits, _figures, time, random, log);
        _statuses = new VolumeStatuses(around, storage.Vnodes, breakLog ?? new BreakLog(), _kernel);
        _contents = new VolumeContents(around, _store, _statuses);
        _operations = new VolumeOperations(around, _store, _statuses, _contents, _kernel, () => Root);
        _questions = new VolumeQuestions(around, _store, _statuses, _contents, _operations, () => Root);
        _housekeeping = new Housekeeping(RevalidateAsync, _store, _statuses, _contents, time, log);
        Held = _contents.TakeHeld();
        server.Trust.Lost += OnTrustLost;
        server.Trust.Regained += OnTrustRegained;
        _store.Load();
    }

    public void BeginOperation() => _server.Trust.BeginOperation();

    public Fid Root { get; private set; }

    public IStatusCache Statuses => _statuses.Statuses;

    public IDirectoryCache Directories => _statuses.Directories;

    public IContentCache Contents => _contents.Cache;

    public IFileOperations Operations => _operations.Files;

    /// <summary>What people ask of the cache.</summary>
    internal CacheInspection Inspection => _questions.Inspection;

    internal Discards Discards => _questions.Discards;

    internal Watches Watches => _questions.Watches;

    /// <summary>The cache's size, which may change.</summary>
    internal CacheRoom Room => _store.Room;

    /// <summary>Counts of all that the cache does.</summary>
    internal CacheFigures Counts => _figures;

    /// <summary>What is open since before this daemon.</summary>
    public IHeldFiles Held { get; }

    /// <summary>What the server calls.</summary>
    internal IVenusCallbacks Callbacks => _statuses.Callbacks;

    /// <summary>After the end: the index knows all, so the next start needn't check the containers.</summary>
    internal bool IsIndexWhole => _store.IsIndexWhole;

    /// <summary>What is wrong with the cache's own disk; null: nothing.</summary>
    internal string? DiskTrouble => _store.Index.Trouble;

    public void AttachKernel(IKernelCaches kernel) => _kernel.Attach(kernel);

    /// <summary>Figures by name, for "venus status".</summary>
    public IReadOnlyList<Figure> ReadFigures() =>
    [
        .. _figures.Read(),
        .. _server.Calls,
        new Figure { Name = "vnodes", Value = _statuses.Vnodes.Count },
        new Figure { Name = "directories", Value = _statuses.Directories.Count },
        .. _store.ReadFigures(),
        new Figure { Name = "without.promises", Value = _server.Trust.IsWithoutPromises ? 1 : 0 },
        new Figure { Name = "lease.left.ms", Value = Math.Max(0, (long)_server.Trust.LeaseLeft.TotalMilliseconds) },
    ];

    private OperationContext OfClient => OperationContext.OfClient(_stopping.Token);

    /// <summary>Asks the server, at once, which of what is suspect still holds.</summary>
    internal Task<Failure> RevalidateNowAsync() => _statuses.Revalidator.RevalidateAsync(OfClient);

    /// <summary>The current containers; for tests.</summary>
    internal IReadOnlyList<Container> Containers => _store.Table.Snapshot();

    /// <summary>Saves what changed, for the next start, without waiting for its time; for tests.</summary>
    internal Task SaveNowAsync(bool isLast) => _statuses.Saver.SaveAsync(isLast, _stopping.Token);

    /// <summary>Throws where the state is inconsistent; for tests and simulation.</summary>
    internal void CheckInvariants()
    {
        _store.CheckInvariants();
        _statuses.CheckInvariants();
        _contents.CheckInvariants();
        _server.Trust.CheckInvariants();
    }

    /// <summary>Connects and finds the volume; then the background work begins.</summary>
    internal async Task<Failure> StartAsync(CancellationToken cancellation)
    {
        _server.Start(Callbacks);
        VolumeIdentity? known = _options.BeginsWithoutServer ? VolumeIdentity.Load(_storage.Disk) : null;
        Result<VolumeIdentity> identity = known ?? await IdentifyAsync(OperationContext.OfClient(cancellation));
        if (!identity.IsSuccess)
            return identity.Failure;
        Root = identity.Value.Root;
        Adopt(identity.Value);
        if (_statuses.Saver.Restore(identity.Value) > 0 || known is not null)
            _housekeeping.RevalidateSoon();
        _running = _housekeeping.RunAsync(OfClient);
        return Failure.None;
    }

    /// <summary>
    /// Stores what is dirty and closed, for a bounded time, then ends everything. What somebody has open for writing is no version (S2): it stays in the
    /// cache, and the next start decides about it as about what a crash left.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        if (_isDisposed)
            return;
        _isDisposed = true;
        if (!_running.IsCompleted)
        {
            using var limit = new CancellationTokenSource(_options.StoreAtEnd, _time);
            Failure failure = await _contents.Cache.StoreClosedAsync(only: null, OperationContext.OfClient(limit.Token));
            if (!failure.IsNone)
                LogLeftDirty(failure);
        }
        await EndAsync(isLeaving: true);
    }

    /// <summary>Ends without storing anything, as a crash would: what is dirty stays so in the cache directory.</summary>
    internal async Task AbandonAsync()
    {
        if (_isDisposed)
            return;
        _isDisposed = true;
        await EndAsync(isLeaving: false);
    }

    private async Task EndAsync(bool isLeaving)
    {
        _server.Trust.Lost -= OnTrustLost;
        _server.Trust.Regained -= OnTrustRegained;
        _stopping.Cancel();
        await _running;
        if (isLeaving)
            await LeaveAsync();
        await _server.DisposeAsync();
        if (isLeaving)
            await _statuses.Saver.SaveAsync(isLast: true, CancellationToken.None);
        _statuses.Saver.Close();
        await _store.EndAsync(isLeaving);
        _stopping.Dispose();
    }

    /// <summary>
    /// Nobody here trusts anything any more, and the server confirms that it knows: the next writer doesn't wait for this client's lease. Without a
    /// lease there is nothing to give up.
    /// </summary>
    private async Task LeaveAsync()
    {
        if (_server.Trust.LeaseRuns || _server.Trust.IsWithoutPromises)
            await _server.Vice.EndSessionAsync(new EndSessionRequest(), new CallContext { Deadline = _options.Times.Leave });
    }

    /// <summary>Versions are compared only within one incarnation: that comes first.</summary>
    private async Task<Failure> RevalidateAsync(OperationContext operation)
    {
        Result<VolumeIdentity> identity = await IdentifyAsync(operation);
        if (!identity.IsSuccess)
            return identity.Failure;
        Adopt(identity.Value);
        return await _statuses.Revalidator.RunAsync(operation);
    }

    private async Task<Result<VolumeIdentity>> IdentifyAsync(OperationContext operation)
    {
        var request = new GetVolumeRequest { Name = _options.VolumeName };
        Result<GetVolumeReply> volume = await _calls.ReadAsync((vice, context) => vice.GetVolumeAsync(request, context), operation);
        return volume.IsSuccess ? VolumeIdentity.Of(volume.Value) : volume.Failure;
    }

    /// <summary>What is clean of another volume, or of another incarnation of this one, goes.</summary>
    private void Adopt(VolumeIdentity identity)
    {
        VolumeIdentity? cached = VolumeIdentity.Load(_storage.Disk);
        if (cached == identity)
            return;
        if (cached is not null)
        {
            if (_warnings.MayTell(_server.Name, nameof(LogOtherIncarnation), out string more))
                LogOtherIncarnation(more);
            _statuses.Clear();
            _operations.Xattrs.Clear();
            _store.Seals.DropClean();
            _statuses.Saver.Forget(identity);
        }
        identity.Save(_storage.Disk);
    }

    private void OnTrustLost(SuspectReason reason)
    {
        _figures.TrustLost.Add();
        _statuses.Feed.TellLost(reason);
        if (_options.ServesDisconnected && reason == SuspectReason.LeaseEnded && _warnings.MayTell(_server.Name, nameof(LogServingDisconnected), out string more))
            LogServingDisconnected(more);
        _kernel.InvalidateAllLater(reason);
        _housekeeping.RevalidateSoon();
    }

    /// <summary>What was given out without a lease doesn't stay in the kernel.</summary>
    private void OnTrustRegained()
    {
        if (!_options.ServesDisconnected)
            return;
        if (_warnings.MayTell(_server.Name, nameof(LogConnectedAgain), out string more))
            LogConnectedAgain(more);
        _kernel.InvalidateAllLater(SuspectReason.LeaseEnded);
    }

    [LoggerMessage(EventId = 202, Level = LogLevel.Warning, Message = "The server can't be reached: reads are served from the cache from here on, and may be old{More}")]
    private partial void LogServingDisconnected(string more);

    [LoggerMessage(EventId = 203, Level = LogLevel.Warning, Message = "The server is back: what is read is validated again{More}")]
    private partial void LogConnectedAgain(string more);

    [LoggerMessage(EventId = 201, Level = LogLevel.Warning, Message = "The volume was restored, or is another one: what was cached of it is forgotten{More}")]
    private partial void LogOtherIncarnation(string more);

    [LoggerMessage(EventId = 200, Level = LogLevel.Warning, Message = "Some files are still dirty at the end ({Failure}); they will be stored at the next start")]
    private partial void LogLeftDirty(Failure failure);
}

/// <summary>What a cache is asked to be.</summary>
public sealed record CacheOptions
{
    /// <summary>The volume to be mounted.</summary>
    public string VolumeName { get; init; } = "root";

    /// <summary>Begin with what the cache directory says of the volume, and ask the server later: files are open already, and can't wait for it.</summary>
    public bool BeginsWithoutServer { get; init; }

    /// <summary>When the lease is lost, go on to give out what was valid until then. It may be old.</summary>
    public bool ServesDisconnected { get; init; }

    /// <summary>Large files can be read while they are fetched. Not where another daemon may take over: it could not tell what is there of them.</summary>
    public bool ReadsWhileArriving { get; init; } = true;

    /// <summary>Files of this length can be read while they are fetched. Shorter ones are there before somebody could.</summary>
    public long LeastArrivingBytes { get; init; } = 2L << 20;

    public CacheLimits Limits { get; init; } = new();

    public CallTimes Times { get; init; } = new();

    /// <summary>How long a clean end waits for dirty files to be stored; what isn't by then stays dirty in the cache, for the next start.</summary>
    public TimeSpan StoreAtEnd { get; init; } = TimeSpan.FromSeconds(60);
}

/// <summary>How much the cache may hold.</summary>
public sealed record CacheLimits
{
    /// <summary>Of all container files together, as allocated on the disk.</summary>
    public long MostBytes { get; init; } = 10L << 30;

    public int MostFiles { get; init; } = 500_000;

    /// <summary>What is left free for others on the cache's disk.</summary>
    public long ReservedFreeBytes { get; init; } = 256L << 20;

    /// <summary>Statuses in memory, each with a promise of the server.</summary>
    public int MostVnodes { get; init; } = 262_144;

    /// <summary>Memory for the targets of the symlinks among them: enough for as many of 256 bytes. Of the longest there would be a gigabyte.</summary>
    public long MostTargetBytes { get; init; } = 64L << 20;

    /// <summary>Entries of all cached directories together, in memory.</summary>
    public int MostDirectoryEntries { get; init; } = 1_000_000;

    /// <summary>Memory for the names of one directory as they arrive: enough for a million of the longest. A server that brings more is not believed.</summary>
    public long MostListingBytes { get; init; } = 400L << 20;

    /// <summary>The same of all directories that arrive at a time.</summary>
    public long MostListingBytesTogether { get; init; } = 512L << 20;

    /// <summary>Fetches and stores of content that run at a time, of each kind.</summary>
    public int MostTransfers { get; init; } = 16;

    /// <summary>Stores that run at a time of content that a call carries: as many as a server runs calls of one session, and 16 MiB of memory.</summary>
    public int MostSmallStores { get; init; } = 256;
}

/// <summary>What `venus status` shows of the cache, by name. Counters only; nothing is decided by them.</summary>
public sealed class CacheFigures
{
    public Counter StatusHits { get; } = new("status.hits");
    public Counter StatusMisses { get; } = new("status.misses");
    public Counter DirectoryFetches { get; } = new("directory.fetches");
    public Counter DirectoryDeltas { get; } = new("directory.deltas");
    public Counter ContentHits { get; } = new("content.hits");
    public Counter ContentFetches { get; } = new("content.fetches");
    public Counter ContentDamaged { get; } = new("content.damaged");
    /// <summary>Of contents, as they come; <see cref="BytesFetched"/> counts files that are complete.</summary>
    public Counter BytesArrived { get; } = new("bytes.arrived");
    public Counter BytesFetched { get; } = new("bytes.fetched");
    public Counter Stores { get; } = new("stores");
    public Counter StoresFailed { get; } = new("stores.failed");
    public Counter StoresUnseen { get; } = new("stores.unseen");
    public Counter BytesStored { get; } = new("bytes.stored");
    public Counter BreaksReceived { get; } = new("breaks.received");
    public Counter TrustLost { get; } = new("trust.lost");
    public Counter ContainersEvicted { get; } = new("containers.evicted");
    public Counter Recovered { get; } = new("recovered");

    public IEnumerable<Counter> All =>
    [
        StatusHits, StatusMisses, DirectoryFetches, DirectoryDeltas, ContentHits, ContentFetches, ContentDamaged, BytesArrived, BytesFetched, Stores,
        StoresFailed, StoresUnseen, BytesStored, BreaksReceived, TrustLost, ContainersEvicted, Recovered,
    ];

    public IEnumerable<Figure> Read() => All.Select(static c => new Figure { Name = c.Name, Value = c.Value });
}

/// <summary>A named figure that only rises. Safe for concurrent use.</summary>
public sealed class Counter(string name)
{
    private long _value;

    public string Name => name;

    public long Value => Volatile.Read(ref _value);

    public void Add(long by = 1) => Interlocked.Add(ref _value, by);
}
