using System.Diagnostics;
using Afs.Platform;
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
    private readonly ContainerTable _containers;
    private readonly VnodeTable _vnodes;
    private readonly ContentCache _contents;
    private readonly ClosedContainers _closed;
    private readonly XattrCache _xattrs = new();
    private readonly ContainerSeals _seals;
    private readonly DirectoryCache _directories;
    private readonly Housekeeping _housekeeping;
    private readonly StoreRetries _retries;
    private readonly WrittenContainers _written;
    private readonly BreakLog _breaks;
    private readonly GiveUps _giveUps;
    private readonly StatusFetcher _statusFetcher;
    private readonly ContentFetcher _fetcher;
    private readonly BreakFeed _feed = new();
    private readonly ViceCalls _calls;
    private readonly Revalidator _revalidator;
    private readonly VnodeSaver _saver;
    private readonly ILogger _log;
    private Task _running = Task.CompletedTask;
    private bool _isDisposed;

    internal CacheManager(
        CacheOptions options, CacheStorage storage, IViceServer server, TimeProvider time, Random random, ILogger log, BreakLog? breakLog = null)
    {
        (_options, _storage, _server, _time, _log) = (options, storage, server, time, log);
        CancellationToken stopping = _stopping.Token;
        ViceCalls calls = _calls = new ViceCalls(server.Vice, server.Content, options.Times);
        BreakLog breaks = _breaks = breakLog ?? new BreakLog();
        _warnings = new PeerWarnings(time);
        _kernel = new KernelNotices(server.Name, _warnings, log);

        // Statuses and promises.
        GiveUps? giveUps = null;
        _vnodes = new VnodeTable(options.Limits.MostVnodes, options.Limits.MostTargetBytes, breaks, fid => giveUps!.Add(fid));
        CallMark Mark() => new(server.Trust.Mark(), breaks.Sequence);
        giveUps = _giveUps = new GiveUps(breaks, calls, fid => _vnodes.TryRead(fid, out _, out uint promised, out _) && server.Trust.Holds(promised));
        _statusFetcher = new StatusFetcher(_vnodes, Mark, calls);
        var statuses = new Statuses(_vnodes, server.Trust, breaks, _statusFetcher, time, _figures, options.ServesDisconnected);

        // Directories.
        var listings = new ListingRoom(options.Limits.MostListingBytes, options.Limits.MostListingBytesTogether);
        var directoryFetcher = new DirectoryFetcher(calls, statuses, _figures, listings, server.Name, _warnings, log);
        _directories = new DirectoryCache(statuses, directoryFetcher, options.Limits.MostDirectoryEntries, stopping);

        // Contents.
        _containers = new ContainerTable(storage.Files, storage.Index);
        ContainerSeals seals = _seals = new ContainerSeals(_containers, storage.Files, storage.Work);
        _containers.MayGo = seals.TrySeal;
        var factory = new ContainerFactory(_containers, storage.Files, storage.Index, storage.BootId);
        var recovered = new RecoveredFolder(storage.Disk, time, _directories.FindName);
        var removals = new RemovalsUnderWay();
        var hashKey = new BlockHashKey(random);
        var scanner = new BlockScanner(hashKey);
        var storer = new ContentStorer(
            calls, statuses, storage.Files, _containers, seals, recovered, random, options.Limits, _figures, new StorePlanner(hashKey, scanner), hashKey,
            storage.Work, log, stopping)
        {
            RemovalsSettled = removals.SettledAsync,
        };
        _retries = new StoreRetries(storer, _containers, time, random, log);
        storer.Failed = _retries.Add;
        WrittenContainers written = _written = new WrittenContainers(storer, seals, storage.Files, _containers, time, log);
        storer.Watch = seals.FoundChanged = written.Add;
        var room = new CacheRoom(_containers, storage.Files, options.Limits, _figures, storage.Work, time);
        var blocks = new BlockKeeper(hashKey, scanner, storage.Work);
        var transfers = new ContentTransfers(
            calls, _containers, factory, room, options.Limits, _figures, storage.Work, blocks,
            options.ReadsWhileArriving ? options.LeastArrivingBytes : long.MaxValue, stopping);
        ContentFetcher fetcher = _fetcher = new ContentFetcher(calls, statuses, _containers, transfers, _figures, stopping);
        var unnamed = new UnnamedFiles(calls, statuses, _containers);
        _containers.LastUseEnded = unnamed.LastUseEnded;
        _closed = new ClosedContainers(_containers, storage.Work, log);
        var uses = new ContentUses(_containers, written, _closed);
        var recovery = new CacheRecovery(_containers, statuses, storer, seals, recovered, _figures, log, stopping);
        _contents = new ContentCache(statuses, _containers, factory, fetcher, storer, seals, uses, recovery, blocks, room, _figures, storage.Work, log);

        var held = new HeldContainers(storage.Held, _containers, factory);
        Held = new HeldFiles(held, _vnodes, _contents, storer, uses);

        // Operations.
        var doubts = new DoubtfulChanges(statuses, _directories, _server.Trust, _kernel);
        var names = new NameOperations(calls, statuses, _directories, _contents, unnamed, doubts, removals);
        Lazy<VolumeFigures> volume = new(() => new VolumeFigures(Root.Volume, calls, time));
        var unstored = new UnstoredStatus(statuses, _containers, uses);
        Operations = new FileOperations(calls, statuses, _directories, names, _containers, uses, unnamed, room, _xattrs, unstored, volume, doubts, removals, time);
        Statuses = statuses;

        // What goes on by itself.
        _revalidator = new Revalidator(_vnodes, server.Trust, Mark, calls, time, random);
        _saver = new VnodeSaver(storage.Vnodes, _vnodes, _directories, log);
        _housekeeping = new Housekeeping(RevalidateAsync, room, written, _retries, giveUps, recovery, unnamed, _saver, time, log);
        Callbacks = new BreakReceiver(breaks, _vnodes, server.Trust, _kernel, _figures, _feed);

        // What people ask.
        var trees = new TreeWalk(statuses, _directories);
        var rights = new RequesterRights(Operations);
        Inspection = new CacheInspection(new PathWalker(() => Root, statuses, _directories, rights), trees, statuses, _directories, _containers, rights);
        Discards = new Discards(statuses, _directories, _containers, room, _contents);
        Room = room;
        Watches = new Watches(Inspection, trees, statuses, _directories, _feed, time);

        server.Trust.Lost += OnTrustLost;
        server.Trust.Regained += OnTrustRegained;
        new IndexLoader(storage.Files, storage.Index, _containers, factory, held, storage.WasCleanEnd, log).Load();
    }

    public void BeginOperation() => _server.Trust.BeginOperation();

    public Fid Root { get; private set; }

    public IStatusCache Statuses { get; }

    public IDirectoryCache Directories => _directories;

    public IContentCache Contents => _contents;

    public IFileOperations Operations { get; }

    /// <summary>What people ask of the cache.</summary>
    internal CacheInspection Inspection { get; }

    internal Discards Discards { get; }

    /// <summary>The cache's size, which may change.</summary>
    internal CacheRoom Room { get; }

    internal Watches Watches { get; }

    /// <summary>Counts of all that the cache does.</summary>
    internal CacheFigures Counts => _figures;

    /// <summary>What is open since before this daemon.</summary>
    public IHeldFiles Held { get; }

    /// <summary>What the server calls.</summary>
    internal IVenusCallbacks Callbacks { get; }

    /// <summary>After the end: the index knows all, so the next start needn't check the containers.</summary>
    internal bool IsIndexWhole { get; private set; }

    /// <summary>What is wrong with the cache's own disk; null: nothing.</summary>
    internal string? DiskTrouble => _storage.Index.Trouble;

    public void AttachKernel(IKernelCaches kernel) => _kernel.Attach(kernel);

    /// <summary>Figures by name, for "venus status".</summary>
    public IReadOnlyList<Figure> ReadFigures() =>
    [
        .. _figures.Read(),
        .. _server.Calls,
        new Figure { Name = "vnodes", Value = _vnodes.Count },
        new Figure { Name = "directories", Value = _directories.Count },
        new Figure { Name = "containers", Value = _containers.Count },
        new Figure { Name = "containers.bytes", Value = _containers.TotalBytes },
        new Figure { Name = "containers.dirty", Value = _containers.Snapshot().Count(static c => c.IsUnstored || c.HasWriters) },
        new Figure { Name = "containers.half.written", Value = _containers.Snapshot().Count(static c => c.HasWriters && !c.IsRemovedHere) },
        new Figure { Name = "index.unwritten", Value = _storage.Index.UnwrittenCount },
        new Figure { Name = "stores.waiting", Value = _retries.Count },
        new Figure { Name = "without.promises", Value = _server.Trust.IsWithoutPromises ? 1 : 0 },
        new Figure { Name = "lease.left.ms", Value = Math.Max(0, (long)_server.Trust.LeaseLeft.TotalMilliseconds) },
    ];

    private OperationContext OfClient => OperationContext.OfClient(_stopping.Token);

    /// <summary>Asks the server, at once, which of what is suspect still holds.</summary>
    internal Task<Failure> RevalidateNowAsync() => _revalidator.RevalidateAsync(OfClient);

    /// <summary>The current containers; for tests.</summary>
    internal IReadOnlyList<Container> Containers => _containers.Snapshot();

    /// <summary>Saves what changed, for the next start, without waiting for its time; for tests.</summary>
    internal Task SaveNowAsync(bool isLast) => _saver.SaveAsync(isLast, _stopping.Token);

    /// <summary>Throws where the state is inconsistent; for tests and simulation.</summary>
    internal void CheckInvariants()
    {
        _vnodes.CheckInvariants();
        _directories.CheckInvariants();
        _containers.CheckInvariants();
        _retries.CheckInvariants();
        _written.CheckInvariants();
        _breaks.CheckInvariants();
        _giveUps.CheckInvariants();
        _statusFetcher.CheckInvariants();
        _fetcher.CheckInvariants();
        Room.CheckInvariants();
        _server.Trust.CheckInvariants();
        foreach (Container container in _containers.Snapshot().Where(static c => c.Phase == ContainerPhase.Dirty && !c.NeedsRecovery && !c.IsRemovedHere))
        {
            if (!_retries.Knows(container) && !_written.Knows(container))
                throw new UnreachableException($"Container {container.Id} of {container.Fid} is dirty, and nobody will store it.");
        }
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
        if (_saver.Restore(identity.Value) > 0 || known is not null)
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
            Failure failure = await _contents.StoreClosedAsync(only: null, OperationContext.OfClient(limit.Token));
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
            await _saver.SaveAsync(isLast: true, CancellationToken.None);
        _saver.Close();
        await _closed.EndAsync();
        if (isLeaving)
            await _seals.TrySealAllAsync();
        await FlushIndexAsync();
        await _storage.Index.DisposeAsync();
        _stopping.Dispose();
    }

    private async Task FlushIndexAsync()
    {
        try
        {
            await _storage.Index.FlushAsync();
            IsIndexWhole = true;
        }
        catch (DiskException)
        {
            // The index says so itself; what it didn't learn the next start finds out from the files.
        }
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
        return await _revalidator.RunAsync(operation);
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
            _vnodes.Clear();
            _directories.Clear();
            _xattrs.Clear();
            _containers.DropClean();
            _saver.Forget(identity);
        }
        identity.Save(_storage.Disk);
    }

    private void OnTrustLost(SuspectReason reason)
    {
        _figures.TrustLost.Add();
        _feed.TellLost(reason);
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
