using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Afs.Platform;
using Afs.Rpc;
using Afs.Venus.Callbacks;
using Afs.Venus.Servers;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Cache;

/// <summary>
/// The volumes that this client has open, by id, over one <see cref="ContainerStore"/>. Volumes come and stay until the end.
/// To find one takes no lock and allocates nothing; the first, which is that of the mount's root, costs a compare.
/// </summary>
internal sealed class VolumeTable(
    CacheOptions options, CacheStorage storage, ContainerStore store, KernelNotices kernel, PeerWarnings warnings, TimeProvider time, Random random, ILogger log,
    CancellationToken stopping)
{
    /// <summary>
    /// Each has a connection, and statuses, names and xattrs within limits of its own: together they may take as many times the memory. Containers and transfers share
    /// what the cache has.
    /// </summary>
    public const int Most = 64;

    private readonly ListingRoom _listings = new(options.Limits.MostListingBytes, options.Limits.MostListingBytesTogether);
    private readonly Lock _lock = new();

    /// <summary>Ids of volumes that are open, or are being opened.</summary>
    private readonly HashSet<VolumeId> _taken = [];

    // Published whole, each volume once it is in order; the first last.
    private FrozenDictionary<VolumeId, Volume> _byId = FrozenDictionary<VolumeId, Volume>.Empty;
    private Volume[] _all = [];
    private Volume? _first;

    /// <summary>That of the mount's root.</summary>
    /// <exception cref="InvalidOperationException">None is open: a broken invariant.</exception>
    public Volume First => Volatile.Read(ref _first) ?? throw new InvalidOperationException("No volume is open.");

    /// <summary>All that are open, in the order in which they came.</summary>
    public ImmutableArray<Volume> All => ImmutableCollectionsMarshal.AsImmutableArray(Volatile.Read(ref _all));

    public bool TryFind(Fid fid, [NotNullWhen(true)] out Volume? volume)
    {
        volume = _first;
        return volume is not null && volume.Id == fid.Volume || Volatile.Read(ref _byId).TryGetValue(fid.Volume, out volume);
    }

    /// <summary>
    /// Connects and finds a volume by its name; what an earlier daemon saved of it is brought back, suspect. The value: its root. A failure: it isn't open, and may be tried again by another
    /// connection.
    /// </summary>
    /// <param name="server">Its connection. Once the volume is open the table ends it; else its maker does.</param>
    /// <exception cref="DiskException">What is cached of it can't be told from what is of another incarnation; or the change log can't be read, or is of a later program.</exception>
    public async Task<Result<Fid>> OpenAsync(string name, IViceServer server, BreakLog breaks, OperationContext operation)
    {
        CacheOptions of = options with { VolumeName = name };
        var vice = new BehindVice(server.Vice);
        var around = new VolumeSurroundings(
            of, server, new ViceCalls(vice, server.Content, of.Times), _listings, new CacheFigures(), warnings, time, random, log, stopping);
        // Before there is a volume nothing is promised, so nothing can be broken.
        var callbacks = new VenusCallbacksRelay();
        server.Start(callbacks);
        VolumeIdentity? known = options.BeginsWithoutServer ? VolumeIdentity.Find(storage.Disk, name) : null;
        Result<VolumeIdentity> identity = known ?? await CachedIncarnation.AskAsync(around, operation);
        if (!identity.IsSuccess)
            return identity.Failure;
        if (Take(identity.Value.Root.Volume) is { IsNone: false } refusal)
            return refusal;
        VolumeId id = identity.Value.Root.Volume;
        var certainty = new CacheCertainty(storage.Disk, storage.BootId, storage.WasCleanEnd, id);
        bool hadLog = ChangeLog.IsThere(storage.Disk, id);
        bool isDoubtful = certainty.IsDoubtful(hadLog);
        ChangeLog? changes = hadLog || of.WriteBehind is not null ? ChangeLog.Open(storage.Disk, id, ClientIdFile.LoadOrMake(storage.Disk, random), time, storage.Work, new ChangeLogOptions(), log) : null;
        var volume = new Volume(identity.Value, around, storage, store, breaks, kernel, changes is null ? null : caches => MakeBehind(id, server.Vice, caches, changes, certainty, of));
        if (volume.Behind is { } behind)
            vice.Attach(behind);
        callbacks.Attach(volume.Callbacks);
        try
        {
            if (!isDoubtful)
                volume.Begin(identity.Value, isToBeAsked: known is not null);
            bool isCertain = !isDoubtful || await volume.BeginAnewAsync(identity.Value);
            if (isCertain && volume.Behind is null)
                certainty.End();
            else if (isCertain)
                volume.Behind!.Assure();
        }
        catch (DiskException)
        {
            volume.StopListening();
            volume.CloseSaved();
            lock (_lock)
                _taken.Remove(volume.Id);
            throw;
        }
        Publish(volume);
        return volume.Root;
    }

    private WriteBehind MakeBehind(VolumeId volume, IViceService vice, ICachesBehind caches, ChangeLog changes, CacheCertainty certainty, CacheOptions of) =>
        new(volume, vice, caches, changes, certainty, of.WriteBehind is not null, of.WriteBehind ?? new WriteBehindOptions(), new CallTimesOf(of.Times, stopping), time, log);

    /// <summary>Ids are unique in a cell: of two volumes that have one the server says what can't be. Neither may touch what is the other's on the disk.</summary>
    private Failure Take(VolumeId id)
    {
        lock (_lock)
        {
            if (_taken.Contains(id))
                return FailureKind.ServerMisbehaved;
            if (_taken.Count == Most)
                return FailureKind.CacheFull;
            _taken.Add(id);
            return Failure.None;
        }
    }

    private void Publish(Volume volume)
    {
        lock (_lock)
        {
            Volatile.Write(ref _all, [.. _all, volume]);
            Volatile.Write(ref _byId, _all.ToFrozenDictionary(static v => v.Id));
            if (_first is null)
                Volatile.Write(ref _first, volume);
        }
    }

    /// <summary>The end begins: what is lost from here on is nobody's business.</summary>
    public void StopListening()
    {
        foreach (Volume volume in All)
            volume.StopListening();
    }

    /// <summary>Ends all that goes on for the volumes; what is dirty is as it is. None may be on its way into the table.</summary>
    /// <param name="isLeaving">The servers are told, and what is known is saved for the next start.</param>
    public async Task EndAsync(bool isLeaving)
    {
        if (isLeaving)
            await Task.WhenAll(All.Select(static volume => volume.LeaveAsync()));
        foreach (Volume volume in All)
            await volume.CloseAsync(isLeaving);
    }

    /// <summary>All that is known is saved, and the containers' index whole: the next start may believe it.</summary>
    public void Assure()
    {
        foreach (Volume volume in All)
            volume.Behind?.Assure();
    }

    /// <summary>INVARIANT: each stands under its own id, and the first is among them.</summary>
    public void CheckInvariants()
    {
        foreach ((VolumeId id, Volume volume) in Volatile.Read(ref _byId))
        {
            if (volume.Id != id)
                throw new UnreachableException($"Volume {volume.Id} stands under {id}.");
            volume.CheckInvariants();
        }
        if (_first is { } first && (!TryFind(first.Root, out Volume? found) || found != first))
            throw new UnreachableException("The volume of the root isn't in the table.");
    }
}

/// <summary>
/// The contract over all volumes: each question goes to the volume of the fid that it names. Of a volume that isn't open nothing is known, and nothing can be had.
/// What answers from memory takes no lock here, and allocates nothing.
/// </summary>
internal sealed class StatusesByVolume(VolumeTable volumes) : IStatusCache
{
    public bool TryGet(Fid fid, out FetchStatus status)
    {
        if (volumes.TryFind(fid, out Volume? volume))
            return volume.Statuses.TryAnswer(fid, out status);
        status = null!;
        return false;
    }

    public bool ServesSuspect(Fid fid) => volumes.TryFind(fid, out Volume? volume) && volume.Statuses.ServesSuspect;

    public TimeSpan LeaseLeft(Fid fid) => volumes.TryFind(fid, out Volume? volume) ? volume.Statuses.LeaseLeft : TimeSpan.Zero;

    public bool MayBeKept(Fid fid) => volumes.TryFind(fid, out Volume? volume) && volume.Statuses.MayBeKept;

    public ValueTask<Result<FetchStatus>> GetAsync(Fid fid, OperationContext operation) =>
        volumes.TryFind(fid, out Volume? volume) ? volume.Statuses.GetAsync(fid, operation) : new((Failure)AbortCodes.NoVolume);

    public async ValueTask<Failure> PrefetchAsync(IReadOnlyList<Fid> fids, OperationContext operation)
    {
        if (fids.Count == 0)
            return Failure.None;
        if (volumes.TryFind(fids[0], out Volume? first) && fids.All(fid => fid.Volume == first.Id))
            return await first.Statuses.PrefetchAsync(fids, operation);
        Failure failure = Failure.None;
        foreach (IGrouping<VolumeId, Fid> group in fids.GroupBy(static fid => fid.Volume))
        {
            if (!volumes.TryFind(group.First(), out Volume? volume))
                continue;
            Failure one = await volume.Statuses.PrefetchAsync([.. group], operation);
            failure = failure.IsNone ? one : failure;
        }
        return failure;
    }

    public void Retain(Fid fid)
    {
        if (volumes.TryFind(fid, out Volume? volume))
            volume.Statuses.Retain(fid);
    }

    public void Release(Fid fid)
    {
        if (volumes.TryFind(fid, out Volume? volume))
            volume.Statuses.Release(fid);
    }
}

/// <inheritdoc cref="StatusesByVolume"/>
internal sealed class DirectoriesByVolume(VolumeTable volumes) : IDirectoryCache
{
    public LookupAnswer TryLookup(Fid directory, ReadOnlySpan<byte> name, out Fid child, out FileType type)
    {
        if (volumes.TryFind(directory, out Volume? volume))
            return volume.Directories.TryLookup(directory, name, out child, out type);
        (child, type) = (default, FileType.None);
        return LookupAnswer.Unknown;
    }

    public bool TryGetVersion(Fid directory, out DataVersion version)
    {
        if (volumes.TryFind(directory, out Volume? volume))
            return volume.Directories.TryGetVersion(directory, out version);
        version = default;
        return false;
    }

    public bool TryGetListing(Fid directory, out DirectoryListing listing)
    {
        if (volumes.TryFind(directory, out Volume? volume))
            return volume.Directories.TryGetListing(directory, out listing);
        listing = null!;
        return false;
    }

    public ValueTask<Failure> LoadAsync(Fid directory, OperationContext operation) =>
        volumes.TryFind(directory, out Volume? volume) ? volume.Directories.LoadAsync(directory, operation) : new((Failure)AbortCodes.NoVolume);
}

/// <inheritdoc cref="StatusesByVolume"/>
internal sealed class ContentsByVolume(VolumeTable volumes) : IContentCache
{
    public ValueTask<Result<IContainer>> OpenAsync(Fid fid, bool forWriting, bool truncate, OperationContext operation) =>
        volumes.TryFind(fid, out Volume? volume) ? volume.Contents.OpenAsync(fid, forWriting, truncate, operation) : new((Failure)AbortCodes.NoVolume);

    public bool TryOpenForReading(Fid fid, ContainerId? proven, out IContainer container)
    {
        if (volumes.TryFind(fid, out Volume? volume))
            return volume.Contents.TryOpenForReading(fid, proven, out container);
        container = null!;
        return false;
    }

    public ValueTask<IContainer?> TryWriteAsync(IContainer use, bool truncate, OperationContext operation) =>
        volumes.TryFind(use.Fid, out Volume? volume) ? volume.Contents.TryWriteAsync(use, truncate, operation) : new((IContainer?)null);

    public IContainer? FindLocal(Fid fid) => volumes.TryFind(fid, out Volume? volume) ? volume.Contents.FindLocal(fid) : null;

    public bool MayBeClosed(Fid fid) => volumes.TryFind(fid, out Volume? volume) && volume.Contents.MayBeClosed(fid);

    public ValueTask<Failure> FetchAsync(Fid fid, OperationContext operation) =>
        volumes.TryFind(fid, out Volume? volume) ? volume.Contents.FetchAsync(fid, operation) : new((Failure)AbortCodes.NoVolume);

    public async ValueTask<Failure> StoreClosedAsync(Fid? only, OperationContext operation)
    {
        if (only is { } fid)
            return volumes.TryFind(fid, out Volume? volume) ? await volume.Contents.StoreClosedAsync(fid, operation) : AbortCodes.NoVolume;
        Failure[] failures = await Task.WhenAll(volumes.All.Select(volume => StoreAllAsync(volume, operation)));
        return failures.FirstOrDefault(static failure => !failure.IsNone);
    }

    /// <summary>What is written behind is stored when it is at the server.</summary>
    private static async Task<Failure> StoreAllAsync(Volume volume, OperationContext operation)
    {
        Failure failure = await volume.Contents.StoreClosedAsync(only: null, operation);
        Failure unsent = volume.Behind is { } behind ? await behind.SyncAsync(operation) : Failure.None;
        return failure.IsNone ? unsent : failure;
    }

    public ValueTask<Failure> StoreOpenAsync(Fid fid, OperationContext operation) =>
        volumes.TryFind(fid, out Volume? volume) ? volume.Contents.StoreOpenAsync(fid, operation) : new((Failure)AbortCodes.NoVolume);

    public bool IsCurrent(IContainer use) => !volumes.TryFind(use.Fid, out Volume? volume) || volume.Contents.IsCurrent(use);

    public ValueTask<Result<bool>> RefreshAsync(IContainer use, OperationContext operation) =>
        volumes.TryFind(use.Fid, out Volume? volume) ? volume.Contents.RefreshAsync(use, operation) : new((Failure)AbortCodes.NoVolume);
}

/// <inheritdoc cref="StatusesByVolume"/>
internal sealed class OperationsByVolume(VolumeTable volumes, TimeProvider time) : IFileOperations
{
    public Timestamp Now => FileTimes.Now(time);

    public ValueTask<Result<FetchStatus>> CreateAsync(CreateRequest request, OperationContext operation) =>
        volumes.TryFind(request.Parent, out Volume? volume) ? volume.Operations.CreateAsync(request, operation) : new((Failure)AbortCodes.NoVolume);

    public ValueTask<Failure> RemoveAsync(Fid parent, byte[] name, bool isDirectory, OperationContext operation) =>
        volumes.TryFind(parent, out Volume? volume) ? volume.Operations.RemoveAsync(parent, name, isDirectory, operation) : new((Failure)AbortCodes.NoVolume);

    public ValueTask<Failure> RenameAsync(Fid fromParent, byte[] fromName, Fid toParent, byte[] toName, RenameMode mode, OperationContext operation)
    {
        if (fromParent.Volume != toParent.Volume)
            return new((Failure)AbortCodes.CrossesVolumes);
        return volumes.TryFind(fromParent, out Volume? volume)
            ? volume.Operations.RenameAsync(fromParent, fromName, toParent, toName, mode, operation)
            : new((Failure)AbortCodes.NoVolume);
    }

    public ValueTask<Result<FetchStatus>> LinkAsync(Fid fid, Fid parent, byte[] name, OperationContext operation)
    {
        if (fid.Volume != parent.Volume)
            return new((Failure)AbortCodes.CrossesVolumes);
        return volumes.TryFind(fid, out Volume? volume) ? volume.Operations.LinkAsync(fid, parent, name, operation) : new((Failure)AbortCodes.NoVolume);
    }

    public ValueTask<Result<FetchStatus>> SetStatusAsync(StoreStatusRequest request, OperationContext operation) =>
        volumes.TryFind(request.Fid, out Volume? volume) ? volume.Operations.SetStatusAsync(request, operation) : new((Failure)AbortCodes.NoVolume);

    public ValueTask<Failure> SetXattrAsync(StoreXattrRequest request, OperationContext operation) =>
        volumes.TryFind(request.Fid, out Volume? volume) ? volume.Operations.SetXattrAsync(request, operation) : new((Failure)AbortCodes.NoVolume);

    public bool TryGetXattrs(Fid fid, out IReadOnlyList<Xattr> known)
    {
        if (volumes.TryFind(fid, out Volume? volume))
            return volume.Operations.TryGetXattrs(fid, out known);
        known = [];
        return false;
    }

    public ValueTask<Failure> SyncAsync(Fid fid, OperationContext operation) =>
        volumes.TryFind(fid, out Volume? volume) && volume.Behind is { } behind ? behind.SyncAsync(operation) : new(Failure.None);

    public RefusedBehind RefusalsIn(Fid volumeOf) => volumes.TryFind(volumeOf, out Volume? volume) && volume.Behind is { } behind ? behind.Refusals : default;

    public RefusedBehind RefusalsOf(Fid fid) => volumes.TryFind(fid, out Volume? volume) && volume.Behind is { } behind ? behind.RefusalsOf(fid) : default;

    public ValueTask<Result<IReadOnlyList<Xattr>>> GetXattrsAsync(Fid fid, OperationContext operation) =>
        volumes.TryFind(fid, out Volume? volume) ? volume.Operations.GetXattrsAsync(fid, operation) : new((Failure)AbortCodes.NoVolume);

    public ValueTask<Result<GetVolumeStatusReply>> GetVolumeStatusAsync(Fid fid, OperationContext operation) =>
        volumes.TryFind(fid, out Volume? volume) ? volume.Operations.GetVolumeStatusAsync(operation) : new((Failure)AbortCodes.NoVolume);
}

/// <summary>Gives the containers that the kernel has open since before this daemon to those that go on with them.</summary>
internal sealed class HeldFiles(HeldContainers held, VolumeTable volumes) : IHeldFiles
{
    public IContainer? TryTake(ContainerId id, bool isWriting)
    {
        if (held.Find(id) is not { } container || !volumes.TryFind(container.Fid, out Volume? volume) || !container.TryPin())
            return null;
        if (isWriting)
            container.GoOnWriting();
        return volume.Use(container, isWriting);
    }

    public void RestoreRemoved(FetchStatus last)
    {
        if (volumes.TryFind(last.Fid, out Volume? volume))
            volume.RestoreRemoved(last);
    }

    public void Finish() => held.Release();
}

/// <inheritdoc cref="StatusesByVolume"/>
internal sealed class LocksByVolume(VolumeTable volumes) : ICellLocks
{
    private IHeldLocks? _held;

    public void Attach(IHeldLocks held) => _held = held;

    public void TakeOver(IReadOnlyList<Fid> fids)
    {
        foreach (Fid fid in fids)
            TryFind(fid)?.TakeOver([fid]);
    }

    public ValueTask<Result<LockVerdict>> AskAsync(AskedLock asked, OperationContext operation) =>
        TryFind(asked.Fid) is { } locks ? locks.AskAsync(asked, operation) : new((Failure)AbortCodes.NoVolume);

    public ValueTask<bool> WithdrawAsync(AskedLock asked) => TryFind(asked.Fid) is { } locks ? locks.WithdrawAsync(asked) : new(false);

    public ValueTask<Failure> UnlockAsync(Fid fid, IReadOnlyList<LockRange> ranges, bool storesFirst, OperationContext operation) =>
        TryFind(fid) is { } locks ? locks.UnlockAsync(fid, ranges, storesFirst, operation) : new((Failure)AbortCodes.NoVolume);

    private CellLocks? TryFind(Fid fid)
    {
        if (!volumes.TryFind(fid, out Volume? volume) || volume.Locks is not { } locks)
            return null;
        locks.Attach(_held ?? throw new InvalidOperationException("Nobody holds locks yet."));
        return locks;
    }
}
