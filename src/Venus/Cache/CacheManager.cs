using System.Collections.Immutable;
using Afs.Rpc;
using Afs.Venus.Callbacks;
using Afs.Venus.Servers;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Cache;

/// <summary>
/// The cache manager of one mount: the containers of its cache folder, and the volumes over them. Makes these parts, holds them together, and ends them in order. Decides nothing.
/// </summary>
public sealed partial class CacheManager : ICacheManager, IAsyncDisposable
{
    private const string LeaseLeft = "lease.left.ms";

    private readonly CancellationTokenSource _stopping = new();
    private readonly CacheOptions _options;
    private readonly IViceServer _server;
    private readonly BreakLog _breaks;
    private readonly TimeProvider _time;
    private readonly KernelNotices _kernel;
    private readonly ContainerStore _store;
    private readonly VolumeTable _volumes;
    private readonly Housekeeping _housekeeping;
    private readonly ILogger _log;
    private Task _running = Task.CompletedTask;
    private bool _isDisposed;

    /// <param name="server">The connection of the volume that is mounted: from here on the cache's.</param>
    internal CacheManager(
        CacheOptions options, CacheStorage storage, IViceServer server, TimeProvider time, Random random, ILogger log, BreakLog? breakLog = null)
    {
        (_options, _server, _breaks, _time, _log) = (options, server, breakLog ?? new BreakLog(), time, log);
        var warnings = new PeerWarnings(time);
        _kernel = new KernelNotices(warnings, log);
        _store = new ContainerStore(storage, options.Limits, time, random, log);
        _volumes = new VolumeTable(options, storage, _store, _kernel, warnings, time, random, log, _stopping.Token);
        _housekeeping = new Housekeeping(_store.Room, _volumes, time, log);
        Statuses = new StatusesByVolume(_volumes);
        Directories = new DirectoriesByVolume(_volumes);
        Contents = new ContentsByVolume(_volumes);
        Operations = new OperationsByVolume(_volumes, time);
        Locks = options.Locks == LocksMode.Cell ? new LocksByVolume(_volumes) : null;
        Held = new HeldFiles(_store.Held, _volumes);
        _store.Load();
    }

    public void BeginOperation()
    {
        foreach (Volume volume in _volumes.All)
            volume.Trust.BeginOperation();
    }

    public Fid Root => _volumes.First.Root;

    public IStatusCache Statuses { get; }

    public IDirectoryCache Directories { get; }

    public IContentCache Contents { get; }

    public IFileOperations Operations { get; }

    public ICellLocks? Locks { get; }

    /// <summary>What people ask of the volume that is mounted.</summary>
    internal CacheInspection Inspection => _volumes.First.Questions.Inspection;

    /// <summary>What people let go of, of that volume.</summary>
    internal Discards Discards => _volumes.First.Questions.Discards;

    internal Watches Watches => _volumes.First.Questions.Watches;

    /// <summary>The cache's size, which may change.</summary>
    internal CacheRoom Room => _store.Room;

    /// <summary>Bytes of contents that came, of all volumes.</summary>
    internal long BytesArrived => _volumes.All.Sum(static volume => volume.Counts.BytesArrived.Value);

    /// <summary>What is open since before this daemon.</summary>
    public IHeldFiles Held { get; }

    /// <summary>What the server of the mounted volume calls; for tests.</summary>
    internal IVenusCallbacks Callbacks => _volumes.First.Callbacks;

    /// <summary>After the end: the index knows all, so the next start needn't check the containers.</summary>
    internal bool IsIndexWhole => _store.IsIndexWhole;

    /// <summary>What is wrong with the cache's own disk; null: nothing.</summary>
    internal string? DiskTrouble => _store.Index.Trouble;

    public void AttachKernel(IKernelCaches kernel) => _kernel.Attach(kernel);

    /// <summary>Figures by name, for "venus status": of all volumes together, and the shortest of their leases.</summary>
    public IReadOnlyList<Figure> ReadFigures()
    {
        ImmutableArray<Volume> volumes = _volumes.All;
        IEnumerable<IGrouping<string, Figure>> byName = volumes.SelectMany(static volume => volume.ReadFigures()).Concat(_store.ReadFigures()).GroupBy(static figure => figure.Name);
        long leaseLeftMs = volumes.IsEmpty ? 0 : volumes.Min(static volume => (long)volume.Trust.LeaseLeft.TotalMilliseconds);
        return
        [
            .. byName.Select(static figures => new Figure { Name = figures.Key, Value = figures.Sum(static figure => figure.Value) }),
            new Figure { Name = LeaseLeft, Value = Math.Max(0, leaseLeftMs) },
        ];
    }

    private OperationContext OfClient => OperationContext.OfClient(_stopping.Token);

    /// <summary>Asks the servers, at once, which of what is suspect still holds; the first failure.</summary>
    internal async Task<Failure> RevalidateNowAsync()
    {
        Failure[] failures = await Task.WhenAll(_volumes.All.Select(volume => volume.RevalidateNowAsync(OfClient)));
        return failures.FirstOrDefault(static failure => !failure.IsNone);
    }

    /// <summary>The current containers; for tests.</summary>
    internal IReadOnlyList<Container> Containers => _store.Table.Snapshot();

    /// <summary>Saves what changed, for the next start, without waiting for its time; for tests.</summary>
    internal Task SaveNowAsync(bool isLast) => Task.WhenAll(_volumes.All.Select(volume => volume.SaveAsync(isLast, _stopping.Token)));

    /// <summary>Throws where the state is inconsistent; for tests and simulation.</summary>
    internal void CheckInvariants()
    {
        _store.CheckInvariants();
        _volumes.CheckInvariants();
    }

    /// <summary>Connects and finds the volume; then the background work begins.</summary>
    internal async Task<Failure> StartAsync(CancellationToken cancellation)
    {
        Result<Fid> root = await _volumes.OpenAsync(_options.VolumeName, _server, _breaks, OperationContext.OfClient(cancellation));
        if (root.IsSuccess)
            _running = _housekeeping.RunAsync(OfClient);
        return root.Failure;
    }

    /// <summary>Opens one more volume, which shares this cache's containers and room. After <see cref="StartAsync"/>. The value: its root.</summary>
    /// <param name="server">Its connection. Once the volume is open the cache ends it; else its maker does.</param>
    internal Task<Result<Fid>> OpenVolumeAsync(string name, IViceServer server, CancellationToken cancellation) =>
        _volumes.OpenAsync(name, server, new BreakLog(), OperationContext.OfClient(cancellation));

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
            Failure failure = await Contents.StoreClosedAsync(only: null, OperationContext.OfClient(limit.Token));
            if (!failure.IsNone)
                LogLeftDirty(failure);
            foreach (Volume volume in _volumes.All)
            {
                if (volume.Behind is { } behind && !await behind.ShipAsync(limit.Token))
                    LogLeftBehind(behind.Figures.WaitingChanges);
            }
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
        _volumes.StopListening();
        _stopping.Cancel();
        await _running;
        if (_volumes.All.IsEmpty)
            await _server.DisposeAsync(); // It never became a volume's.
        await _volumes.EndAsync(isLeaving);
        await _store.EndAsync(isLeaving);
        if (isLeaving && _store.IsIndexWhole)
            _volumes.Assure();
        _stopping.Dispose();
    }

    [LoggerMessage(EventId = 204, Level = LogLevel.Warning, Message = "{Changes} changes haven't been sent to the server at the end; they will be at the next start")]
    private partial void LogLeftBehind(int changes);

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

    /// <summary>Whose processes locks exclude.</summary>
    public LocksMode Locks { get; init; }

    /// <summary>Changes may be made here first, and be sent to the server in their order. Null: each waits for the server.</summary>
    internal WriteBehindOptions? WriteBehind { get; init; }

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
