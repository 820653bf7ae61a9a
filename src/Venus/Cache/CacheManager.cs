using System.Diagnostics;
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
    private readonly KernelNotices _kernel;
    private readonly CacheFigures _figures = new();
    private readonly ContainerTable _containers;
    private readonly VnodeTable _vnodes;
    private readonly ContentCache _contents;
    private readonly ClosedContainers _closed;
    private readonly DirectoryCache _directories;
    private readonly Housekeeping _housekeeping;
    private readonly StoreRetries _retries;
    private readonly WrittenContainers _written;
    private readonly BreakLog _breaks;
    private readonly GiveUps _giveUps;
    private readonly StatusFetcher _statusFetcher;
    private readonly ContentFetcher _fetcher;
    private readonly BreakFeed _feed = new();
    private readonly CountingVice _counts;
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
        _counts = new CountingVice(server.Vice);
        ViceCalls calls = _calls = new ViceCalls(_counts, server.Content, options.Times);
        BreakLog breaks = _breaks = breakLog ?? new BreakLog();
        _kernel = new KernelNotices(log);

        // Statuses and promises.
        GiveUps? giveUps = null;
        _vnodes = new VnodeTable(options.Limits.MostVnodes, breaks, fid => giveUps!.Add(fid));
        CallMark Mark() => new(server.Trust.Generation, breaks.Sequence);
        giveUps = _giveUps = new GiveUps(breaks, calls, fid => _vnodes.TryRead(fid, out _, out uint promised, out _) && server.Trust.Holds(promised));
        _statusFetcher = new StatusFetcher(_vnodes, Mark, calls);
        var statuses = new Statuses(_vnodes, server.Trust, breaks, _statusFetcher, time, _figures, options.ServesDisconnected);

        // Directories.
        _directories = new DirectoryCache(statuses, new DirectoryFetcher(calls, statuses, _figures), options.Limits.MostDirectoryEntries, stopping);

        // Contents.
        _containers = new ContainerTable(storage.Files, storage.Index);
        var factory = new ContainerFactory(_containers, storage.Files, storage.Index, storage.BootId);
        var recovered = new RecoveredFolder(storage.Disk, time, _directories.FindName);
        var removals = new RemovalsUnderWay();
        var hashKey = new BlockHashKey(random);
        var scanner = new BlockScanner(hashKey);
        var storer = new ContentStorer(
            calls, statuses, storage.Files, _containers, recovered, random, options.Limits, _figures, new StorePlanner(hashKey, scanner), hashKey,
            storage.Work, log, stopping)
        {
            RemovalsSettled = removals.SettledAsync,
        };
        _retries = new StoreRetries(storer, _containers, time, random, log);
        storer.Failed = _retries.Add;
        WrittenContainers written = _written = new WrittenContainers(storer, storage.Files, _containers, time, log);
        var room = new CacheRoom(_containers, storage.Files, options.Limits, _figures, written.Add);
        var blocks = new BlockKeeper(hashKey, scanner, storage.Work);
        var transfers = new ContentTransfers(
            calls, _containers, factory, room, options.Limits, _figures, storage.Work, blocks,
            options.ReadsWhileArriving ? options.LeastArrivingBytes : long.MaxValue, stopping);
        ContentFetcher fetcher = _fetcher = new ContentFetcher(calls, statuses, _containers, transfers, _figures, stopping);
        var unnamed = new UnnamedFiles(calls, statuses, _containers);
        _containers.LastUseEnded = unnamed.LastUseEnded;
        _closed = new ClosedContainers(_containers, storage.Work, log);
        var uses = new ContentUses(_containers, written, _closed);
        var recovery = new CacheRecovery(_containers, statuses, storer, recovered, _figures, log, stopping);
        _contents = new ContentCache(statuses, _containers, factory, fetcher, storer, uses, recovery, blocks, _figures, log);

        var held = new HeldContainers(storage.Held, _containers, factory);
        Held = new HeldFiles(held, _vnodes, _contents, storer, uses);

        // Operations.
        var doubts = new DoubtfulChanges(statuses, _kernel);
        var names = new NameOperations(calls, statuses, _directories, _contents, unnamed, doubts, removals);
        Lazy<VolumeFigures> volume = new(() => new VolumeFigures(Root.Volume, calls, time));
        var unstored = new UnstoredStatus(statuses, _containers, uses);
        Operations = new FileOperations(calls, statuses, _directories, names, _containers, uses, unnamed, new XattrCache(), unstored, volume, doubts, removals, time);
        Statuses = statuses;

        // What goes on by itself.
        _revalidator = new Revalidator(_vnodes, server.Trust, Mark, calls, time, random);
        _saver = new VnodeSaver(storage.Vnodes, _vnodes, _directories, log);
        _housekeeping = new Housekeeping(RevalidateAsync, written, _retries, giveUps, recovery, unnamed, _saver, time, log);
        Callbacks = new BreakReceiver(breaks, _vnodes, server.Trust, _kernel, _figures, _feed);

        // What people ask.
        var trees = new TreeWalk(statuses, _directories);
        Inspection = new CacheInspection(new PathWalker(() => Root, statuses, _directories), trees, statuses, _directories, _containers);
        Discards = new Discards(statuses, _directories, _containers, room, _contents);
        Room = room;
        Watches = new Watches(Inspection, trees, statuses, _directories, _feed, time);

        server.Trust.Lost += OnTrustLost;
        server.Trust.Regained += OnTrustRegained;
        new IndexLoader(storage.Files, storage.Index, _containers, factory, held, storage.WasCleanEnd, log).Load();
    }

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

    public void AttachKernel(IKernelCaches kernel) => _kernel.Attach(kernel);

    /// <summary>Figures by name, for "venus status".</summary>
    public IReadOnlyList<Figure> ReadFigures() =>
    [
        .. _figures.Read(),
        .. _counts.Read(),
        new Figure { Name = "vnodes", Value = _vnodes.Count },
        new Figure { Name = "directories", Value = _directories.Count },
        new Figure { Name = "containers", Value = _containers.Count },
        new Figure { Name = "containers.bytes", Value = _containers.TotalBytes },
        new Figure { Name = "containers.dirty", Value = _containers.Snapshot().Count(static c => c.State != ContainerState.Clean) },
        new Figure { Name = "stores.waiting", Value = _retries.Count },
        new Figure { Name = "lease.left.ms", Value = Math.Max(0, (long)_server.Trust.LeaseLeft.TotalMilliseconds) },
    ];

    /// <summary>Asks the server, at once, which of what is suspect still holds.</summary>
    internal Task<Failure> RevalidateNowAsync() => _revalidator.RevalidateAsync(_stopping.Token);

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
        foreach (Container container in _containers.Snapshot().Where(static c => c.State == ContainerState.Dirty && !c.NeedsRecovery && !c.IsRemovedHere))
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
        Result<VolumeIdentity> identity = known ?? await IdentifyAsync(cancellation);
        if (!identity.IsSuccess)
            return identity.Failure;
        Root = identity.Value.Root;
        Adopt(identity.Value);
        if (_saver.Restore(identity.Value) > 0 || known is not null)
            _housekeeping.RevalidateSoon();
        _running = _housekeeping.RunAsync(_stopping.Token);
        return Failure.None;
    }

    /// <summary>Stores what is dirty, for a bounded time, then ends everything.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_isDisposed)
            return;
        _isDisposed = true;
        if (!_running.IsCompleted)
        {
            using var limit = new CancellationTokenSource(_options.StoreAtEnd, _time);
            Failure failure = await _contents.StoreDirtyAsync(only: null, limit.Token);
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
        await _storage.Index.FlushAsync();
        await _storage.Index.DisposeAsync();
        _stopping.Dispose();
    }

    /// <summary>
    /// Nobody here trusts anything any more, and the server confirms that it knows: the next writer doesn't wait for this client's lease. Without a
    /// lease there is nothing to give up.
    /// </summary>
    private async Task LeaveAsync()
    {
        if (_server.Trust.LeaseRuns)
            await _counts.EndSessionAsync(new EndSessionRequest(), new CallContext { Deadline = _options.Times.Leave });
    }

    /// <summary>Versions are compared only within one incarnation: that comes first.</summary>
    private async Task<Failure> RevalidateAsync(CancellationToken cancellation)
    {
        Result<VolumeIdentity> identity = await IdentifyAsync(cancellation);
        if (!identity.IsSuccess)
            return identity.Failure;
        Adopt(identity.Value);
        return await _revalidator.RunAsync(cancellation);
    }

    private async Task<Result<VolumeIdentity>> IdentifyAsync(CancellationToken cancellation)
    {
        var request = new GetVolumeRequest { Name = _options.VolumeName };
        Result<GetVolumeReply> volume = await _calls.ReadAsync((vice, context) => vice.GetVolumeAsync(request, context), cancellation);
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
            LogOtherIncarnation();
            _vnodes.Clear();
            _directories.Clear();
            _containers.DropClean();
            _saver.Forget(identity);
        }
        identity.Save(_storage.Disk);
    }

    private void OnTrustLost(SuspectReason reason)
    {
        _figures.TrustLost.Add();
        _feed.TellLost(reason);
        if (_options.ServesDisconnected && reason == SuspectReason.LeaseEnded)
            LogServingDisconnected();
        _kernel.InvalidateAllLater(reason);
        _housekeeping.RevalidateSoon();
    }

    /// <summary>What was given out without a lease doesn't stay in the kernel.</summary>
    private void OnTrustRegained()
    {
        if (!_options.ServesDisconnected)
            return;
        LogConnectedAgain();
        _kernel.InvalidateAllLater(SuspectReason.LeaseEnded);
    }

    [LoggerMessage(EventId = 202, Level = LogLevel.Warning, Message = "The server can't be reached: reads are served from the cache from here on, and may be old")]
    private partial void LogServingDisconnected();

    [LoggerMessage(EventId = 203, Level = LogLevel.Warning, Message = "The server is back: what is read is validated again")]
    private partial void LogConnectedAgain();

    [LoggerMessage(EventId = 201, Level = LogLevel.Warning, Message = "The volume was restored, or is another one: what was cached of it is forgotten")]
    private partial void LogOtherIncarnation();

    [LoggerMessage(EventId = 200, Level = LogLevel.Warning, Message = "Some files are still dirty at the end ({Failure}); they will be stored at the next start")]
    private partial void LogLeftDirty(Failure failure);
}
