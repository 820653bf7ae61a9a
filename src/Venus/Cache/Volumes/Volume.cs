using Afs.Platform;
using Afs.Rpc;
using Afs.Venus.Callbacks;
using Afs.Venus.Servers;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Cache;

/// <summary>What the parts of a cached volume are given from outside.</summary>
/// <param name="Options">As the cache's, with the volume's own name.</param>
/// <param name="Server">The connection, which is for this volume alone.</param>
/// <param name="Listings">Shared with all volumes.</param>
/// <param name="Stopping">The end of the mount.</param>
internal sealed record VolumeSurroundings(
    CacheOptions Options, IViceServer Server, ViceCalls Calls, ListingRoom Listings, CacheFigures Figures, PeerWarnings Warnings, TimeProvider Time, Random Random, ILogger Log,
    CancellationToken Stopping)
{
    public ServerTrust Trust => Server.Trust;
}

/// <summary>
/// One volume, as this client caches it: its root, the trust in its server, its statuses and names, its operations, and what goes on by itself. Its files' contents are in containers of the
/// <see cref="ContainerStore"/> that all volumes share: those whose fid is of this volume are its own, and nobody else decides about them.
/// </summary>
internal sealed partial class Volume
{
    private readonly VolumeSurroundings _around;
    private readonly KernelNotices _kernel;
    private readonly VolumeStatuses _known;
    private readonly VolumeContents _contents;
    private readonly VolumeOperations _operations;
    private readonly CachedIncarnation _incarnation;
    private readonly VolumeDuties _duties;

    /// <param name="behind">Makes what sends changes later; null: there is none.</param>
    public Volume(
        VolumeIdentity identity, VolumeSurroundings around, CacheStorage storage, ContainerStore store, BreakLog breaks, KernelNotices kernel, Func<ICachesBehind, WriteBehind>? behind = null)
    {
        (Root, _around, _kernel) = (identity.Root, around, kernel);
        _known = new VolumeStatuses(Id, around, storage.Vnodes?.Invoke(Id), breaks, kernel);
        var fences = new LockFences();
        _contents = new VolumeContents(Id, around, store, _known, kernel, fences);
        _operations = new VolumeOperations(Id, around, store, _known, _contents, kernel);
        Questions = new VolumeQuestions(Root, around, store, _known, _contents, _operations);
        _incarnation = new CachedIncarnation(Id, around, storage.Disk, store.Seals, _known, _operations.Xattrs);
        _duties = new VolumeDuties(Id, _incarnation, store.Dirty, _known, _contents, around.Log);
        Behind = behind?.Invoke(new VolumeBehind(_known, _operations.Xattrs, store.Table, store.Dirty, new RefusedTree(storage.Disk, around.Time, _known.Directories.FindName), kernel, () => new CallMark(Trust.Mark(), breaks.Sequence), Trust));
        _contents.Cache.Behind = Behind;
        Callbacks = Behind is null ? _known.Callbacks : new RecalledCallbacks(_known.Callbacks, Behind);
        if (around.Options.Locks == LocksMode.Cell)
        {
            Locks = new CellLocks(around.Calls, fences, Contents.StoreOpenAsync, kernel.EarlierReleasesAsync, around.Time, around.Options.Times.Call, around.Log, around.Stopping);
            Callbacks = new LockCallbacks(Callbacks, Locks);
        }
        Trust.Lost += OnTrustLost;
        Trust.Regained += OnTrustRegained;
    }

    /// <summary>What was changed here first; null: nothing ever is.</summary>
    public WriteBehind? Behind { get; }

    /// <summary>Null: locks hold among the processes of this client.</summary>
    public CellLocks? Locks { get; }

    public VolumeId Id => Root.Volume;

    public Fid Root { get; }

    public ServerTrust Trust => _around.Trust;

    public Statuses Statuses => _known.Statuses;

    public DirectoryCache Directories => _known.Directories;

    public ContentCache Contents => _contents.Cache;

    public FileOperations Operations => _operations.Files;

    /// <summary>What people ask.</summary>
    public VolumeQuestions Questions { get; }

    /// <summary>Counts of all that is done for it.</summary>
    public CacheFigures Counts => _around.Figures;

    /// <summary>What the server calls.</summary>
    public IVenusCallbacks Callbacks { get; }

    /// <summary>One more use of a container of this volume, which the caller has pinned.</summary>
    public IContainer Use(Container pinned, bool isWriting) => _contents.Use(pinned, isWriting);

    /// <summary>A vnode that lost its last name while it was in use under a daemon before this one.</summary>
    public void RestoreRemoved(FetchStatus last)
    {
        _known.Vnodes.RestoreRemoved(last);
        Contents.Removed(last.Fid);
    }

    /// <summary>What was cached of another incarnation goes, what an earlier daemon saved of this one comes back. Once, before it is used.</summary>
    /// <param name="isToBeAsked">The identity is what was saved; the server comes later.</param>
    public void Begin(VolumeIdentity identity, bool isToBeAsked)
    {
        _incarnation.Adopt(identity);
        if (_known.Saver.Restore(identity) > 0 || isToBeAsked)
            _duties.RevalidateSoon();
    }

    /// <summary>
    /// As <see cref="Begin"/>, where what is cached may have versions that the server never gave, or gave to others (<see cref="CacheCertainty"/>): what is clean goes, and of the rest nobody knows what it
    /// started from. True: that is on the disk.
    /// </summary>
    public async Task<bool> BeginAnewAsync(VolumeIdentity identity)
    {
        _incarnation.Adopt(identity);
        bool isForgotten = _incarnation.Forget(identity) & await _contents.DisownAllAsync();
        _duties.RevalidateSoon();
        return isForgotten;
    }

    /// <summary>Begins what is due. Once a second.</summary>
    public void BeginDue(OperationContext operation) => _duties.BeginDue(operation);

    /// <summary>Completes when what was begun has ended.</summary>
    public Task WhenIdleAsync() => _duties.WhenEndedAsync();

    /// <summary>Asks the server, at once, which of what is suspect still holds.</summary>
    public Task<Failure> RevalidateNowAsync(OperationContext operation) => _known.Revalidator.RevalidateAsync(operation);

    /// <summary>Saves what changed, for the next start.</summary>
    public Task SaveAsync(bool isLast, CancellationToken cancellation) => _known.Saver.SaveAsync(isLast, cancellation);

    /// <summary>
    /// Nobody here trusts anything any more, and the server confirms that it knows: the next writer doesn't wait for this client's lease. Without a
    /// lease there is nothing to give up.
    /// </summary>
    public async Task LeaveAsync()
    {
        if (Trust.LeaseRuns || Trust.IsWithoutPromises)
            await _around.Server.Vice.EndSessionAsync(new EndSessionRequest(), new CallContext { Deadline = _around.Options.Times.Leave });
    }

    /// <summary>Its end is near: the loss of trust that comes with it is nobody's business.</summary>
    public void StopListening()
    {
        Trust.Lost -= OnTrustLost;
        Trust.Regained -= OnTrustRegained;
    }

    /// <summary>Ends its connection, and then what was saved of it.</summary>
    public async Task CloseAsync(bool isLeaving)
    {
        if (Behind is not null)
            await Behind.EndAsync(new CancellationToken(canceled: true));
        await _around.Server.DisposeAsync();
        if (isLeaving)
            await SaveAsync(isLast: true, CancellationToken.None);
        CloseSaved();
    }

    /// <summary>Nothing more is saved.</summary>
    public void CloseSaved() => _known.Saver.Close();

    public IReadOnlyList<Figure> ReadFigures() =>
    [
        .. Counts.Read(),
        .. _around.Server.Calls,
        new Figure { Name = "vnodes", Value = _known.Vnodes.Count },
        new Figure { Name = "directories", Value = Directories.Count },
        new Figure { Name = "without.promises", Value = Trust.IsWithoutPromises ? 1 : 0 },
        .. Behind?.ReadFigures() ?? [],
        .. Locks?.ReadFigures() ?? [],
    ];

    public void CheckInvariants()
    {
        _known.CheckInvariants();
        _contents.CheckInvariants();
        Trust.CheckInvariants();
    }

    private void OnTrustLost(SuspectReason reason)
    {
        Counts.TrustLost.Add();
        Behind?.TrustLost(reason);
        Locks?.TrustLost(reason);
        _known.Feed.TellLost(reason);
        if (_around.Options.ServesDisconnected && reason == SuspectReason.LeaseEnded && _around.Warnings.MayTell(_around.Server.Name, nameof(LogServingDisconnected), out string more))
            LogServingDisconnected(_around.Log, more);
        _kernel.InvalidateAllLater(Id, _around.Server.Name, reason);
        _duties.RevalidateSoon();
    }

    /// <summary>What was given out without a lease doesn't stay in the kernel.</summary>
    private void OnTrustRegained()
    {
        if (!_around.Options.ServesDisconnected)
            return;
        if (_around.Warnings.MayTell(_around.Server.Name, nameof(LogConnectedAgain), out string more))
            LogConnectedAgain(_around.Log, more);
        _kernel.InvalidateAllLater(Id, _around.Server.Name, SuspectReason.LeaseEnded);
    }

    [LoggerMessage(EventId = 202, Level = LogLevel.Warning, Message = "The server can't be reached: reads are served from the cache from here on, and may be old{More}")]
    private static partial void LogServingDisconnected(ILogger log, string more);

    [LoggerMessage(EventId = 203, Level = LogLevel.Warning, Message = "The server is back: what is read is validated again{More}")]
    private static partial void LogConnectedAgain(ILogger log, string more);
}

/// <summary>Which incarnation of a volume is cached. Versions are compared only within one: what is clean of another goes.</summary>
internal sealed partial class CachedIncarnation(
    VolumeId volume, VolumeSurroundings around, IDisk disk, ContainerSeals seals, VolumeStatuses known, XattrCache xattrs)
{
    /// <summary>What the server says of the volume that has this name.</summary>
    public static async Task<Result<VolumeIdentity>> AskAsync(VolumeSurroundings around, OperationContext operation)
    {
        var request = new GetVolumeRequest { Name = around.Options.VolumeName };
        Result<GetVolumeReply> reply = await around.Calls.ReadAsync((vice, context) => vice.GetVolumeAsync(request, context), operation);
        return reply.IsSuccess ? VolumeIdentity.Of(reply.Value, around.Options.VolumeName) : reply.Failure;
    }

    /// <summary>After all became suspect: first whether it still is this incarnation, then which statuses hold.</summary>
    public async Task<Failure> RevalidateAsync(OperationContext operation)
    {
        Result<VolumeIdentity> identity = await AskAsync(around, operation);
        if (!identity.IsSuccess)
            return identity.Failure;
        Adopt(identity.Value);
        return await known.Revalidator.RunAsync(operation);
    }

    /// <summary>What is clean of another incarnation goes; also where the name stands for another volume by now, until that one is opened.</summary>
    public void Adopt(VolumeIdentity identity)
    {
        VolumeIdentity? cached = VolumeIdentity.Load(disk, volume);
        bool isSame = cached?.IsSame(identity) ?? identity.Root.Volume == volume;
        if (!isSame)
        {
            if (around.Warnings.MayTell(around.Server.Name, nameof(LogOtherIncarnation), out string more))
                LogOtherIncarnation(around.Log, more);
            Forget(identity);
        }
        if (identity.Root.Volume == volume && cached != identity)
            identity.Save(disk);
    }

    /// <summary>All that is clean goes. False: not yet what was saved of it.</summary>
    public bool Forget(VolumeIdentity identity)
    {
        known.Clear();
        xattrs.Clear();
        seals.DropClean(volume);
        return identity.Root.Volume != volume || known.Saver.Forget(identity);
    }

    [LoggerMessage(EventId = 201, Level = LogLevel.Warning, Message = "The volume was restored, or is another one: what was cached of it is forgotten{More}")]
    private static partial void LogOtherIncarnation(ILogger log, string more);
}
