using Afs.Platform;
using Afs.Wire;
using Microsoft.Win32.SafeHandles;

namespace Afs.Venus.Cache;

/// <summary>The cache manager, as Vfs sees it: the volumes of one mount. Each question goes to the volume of the fid that it names.</summary>
public interface ICacheManager
{
    /// <summary>An operation begins, in whose flow this is called. Without it one of a client that the server promises nothing could use what was asked for before it.</summary>
    void BeginOperation();

    /// <summary>Of the volume that is mounted.</summary>
    Fid Root { get; }

    IStatusCache Statuses { get; }

    IDirectoryCache Directories { get; }

    IContentCache Contents { get; }

    IFileOperations Operations { get; }

    /// <summary>Locks that hold in the cell; null: they hold among the processes of this client.</summary>
    ICellLocks? Locks => null;

    /// <summary>Set once, before the first operation.</summary>
    void AttachKernel(IKernelCaches kernel);
}

/// <summary>Statuses under a promise. What a process of this client wrote and hasn't stored is not in them: see <see cref="IContainer.TryGetLocalStatus"/>.</summary>
public interface IStatusCache
{
    /// <summary>
    /// The status, if its promise holds; never waits, never allocates. Of a file that was removed while open here: its last
    /// status with link count zero.
    /// </summary>
    bool TryGet(Fid fid, out FetchStatus status);

    /// <summary>There is no lease for the fid's volume, and what was valid when it ended is given out all the same: nobody may keep any of it.</summary>
    bool ServesSuspect(Fid fid) => false;

    /// <summary>
    /// What the operation of this flow found of the fid's volume will be told when it changes, so that the kernel may keep it. False: there is no lease, or the server promises
    /// this client nothing. To be asked after what it is about was found.
    /// </summary>
    bool MayBeKept(Fid fid) => !ServesSuspect(fid);

    /// <summary>For so long, at the least, the server of the fid's volume lets nobody change what is promised to this client, if it hears no more of it. Zero or less: no longer.</summary>
    TimeSpan LeaseLeft(Fid fid);

    /// <summary>The status, from the server where the promise doesn't hold. Abort NoVnode: it is gone.</summary>
    ValueTask<Result<FetchStatus>> GetAsync(Fid fid, OperationContext operation);

    /// <summary>Brings those that aren't promised in as few calls as possible; those that are gone are left out silently.</summary>
    ValueTask<Failure> PrefetchAsync(IReadOnlyList<Fid> fids, OperationContext operation);

    /// <summary>Some process may need this fid: its promise is not given up and its cache entry not evicted until <see cref="Release"/>. Counts.</summary>
    void Retain(Fid fid);

    void Release(Fid fid);
}

/// <summary>What a cached directory says of a name.</summary>
public enum LookupAnswer : byte
{
    /// <summary>The directory isn't cached under a promise: ask <see cref="IDirectoryCache.LoadAsync"/> first.</summary>
    Unknown = 0,
    Absent,
    Found,
}

/// <summary>Whole directories under a promise, where Venus walks paths.</summary>
public interface IDirectoryCache
{
    /// <summary>Never waits, never allocates.</summary>
    LookupAnswer TryLookup(Fid directory, ReadOnlySpan<byte> name, out Fid child, out FileType type);

    /// <summary>The version that is cached, if it is under a promise: <see cref="TryGetListing"/> without the cost of sorting the names.</summary>
    bool TryGetVersion(Fid directory, out DataVersion version);

    /// <summary>The entries, if cached under a promise; never waits.</summary>
    bool TryGetListing(Fid directory, out DirectoryListing listing);

    /// <summary>Makes the directory cached under a promise: nothing to do, or a delta, or a fetch of it whole.</summary>
    ValueTask<Failure> LoadAsync(Fid directory, OperationContext operation);
}

/// <summary>The entries of one directory at one version; immutable, in the order of names as bytes. Without '.' and '..'.</summary>
public sealed record DirectoryListing(Fid Directory, Fid Parent, DataVersion Version, IReadOnlyList<ListedName> Names);

/// <summary>One entry of a listing.</summary>
public readonly record struct ListedName(byte[] Name, Fid Fid, FileType Type);

/// <summary>Whole files, each in a container file on the local disk.</summary>
public interface IContentCache
{
    /// <summary>
    /// Opens the current content of a regular file: fetched whole where it isn't cached under a promise. A container that is dirty, or open for
    /// writing here, is what every process of this client gets, whatever the server has (design contract S2: processes of one client share a file).
    /// The container is pinned until the handle is disposed.
    /// </summary>
    /// <param name="forWriting">The container is marked dirty in the index before this returns, so that a crash finds it.</param>
    /// <param name="truncate">Only with <paramref name="forWriting"/>: skips the fetch; the container is empty.</param>
    ValueTask<Result<IContainer>> OpenAsync(Fid fid, bool forWriting, bool truncate, OperationContext operation);

    /// <summary>As <see cref="OpenAsync"/> where that needs neither the server nor the disk's index: false, and nothing done, where it would. For reading only.</summary>
    /// <param name="proven">The container that the kernel reads by itself, or that could be opened before: its file is opened only if it is asked for.</param>
    bool TryOpenForReading(Fid fid, ContainerId? proven, out IContainer container);

    /// <summary>
    /// One more use of the same container, for writing, whatever became of its file since. Null: it can't be used any more. Where another client removed the file, what is written is kept for
    /// a person at the close, and is no version.
    /// </summary>
    /// <param name="use">A use of it; it stays its owner's.</param>
    ValueTask<IContainer?> TryWriteAsync(IContainer use, bool truncate, OperationContext operation);

    /// <summary>The container that holds changes of this client, or is open for writing here; not pinned. Null else. Never waits.</summary>
    IContainer? FindLocal(Fid fid);

    /// <summary>
    /// The container of this file counts as open for writing, but may not be: all that was written is stored, and another client may have stored since. <see cref="IKernelCaches.EarlierReleasesAsync"/> decides.
    /// </summary>
    bool MayBeClosed(Fid fid);

    /// <summary>Fetches without opening, for prefetch and "afs fetch".</summary>
    ValueTask<Failure> FetchAsync(Fid fid, OperationContext operation);

    /// <summary>
    /// Stores, before anybody's next close, what was changed and closed: all, or one file. The first failure. What somebody has open for writing is left
    /// to his own close or fsync: half of what he writes is no version (S2).
    /// </summary>
    ValueTask<Failure> StoreClosedAsync(Fid? only, OperationContext operation);

    /// <summary>Stores what this client changed of a file, also what somebody has open for writing, as it stands: for one that has a lock, and lets go of it.</summary>
    ValueTask<Failure> StoreOpenAsync(Fid fid, OperationContext operation) => new(Failure.None);

    /// <summary>As far as is known without a call, a <see cref="RefreshAsync"/> of this use would change nothing.</summary>
    bool IsCurrent(IContainer use) => true;

    /// <summary>
    /// Where the container has no change of this client's that isn't stored, its content is the server's current version afterwards, written in place: whoever has it open sees that. For one that got a lock. The value: it was
    /// changed so.
    /// </summary>
    ValueTask<Result<bool>> RefreshAsync(IContainer use, OperationContext operation) => new(false);
}

/// <summary>Names one container file in one cache directory, for ever.</summary>
public readonly record struct ContainerId(ulong Value)
{
    public override string ToString() => Value.ToString();
}

/// <summary>
/// One pinned use of a container file: the cached copy of one version of a file's content. Reads and writes go straight to
/// what <see cref="Borrow"/> gives, by the kernel (passthrough) or by Vfs. The container, several uses of which may be open, is changed in place by writers of
/// this client only; a newer version from the server is another container.
/// Dispose ends this use; the last one that wrote leads to one more look whether there is something to store (a mapping may have
/// written after the last close).
/// </summary>
public interface IContainer : IDisposable
{
    ContainerId Id { get; }

    Fid Fid { get; }

    /// <summary>The version of the server that the content is, or that its changes started from.</summary>
    DataVersion BaseVersion { get; }

    /// <summary>A descriptor for one piece of work.</summary>
    /// <exception cref="Afs.Platform.DiskException">The file can't be opened.</exception>
    BorrowedHandle Borrow();

    /// <summary>Null: all of the content is there. Else it is still coming, or was when this use began; only for reading.</summary>
    IArrival? Arrival { get; }

    /// <summary>
    /// A process of this client may change it, with or without the daemon's knowledge: it is open for writing, or was and may be mapped still.
    /// Once false it stays so until the next open for writing.
    /// </summary>
    bool MayBeWritten { get; }

    /// <summary>
    /// Length, allocated bytes and times by the container file itself, where its content was changed since it was fetched or stored, or
    /// this client has it open for writing. False: the server's status holds.
    /// </summary>
    bool TryGetLocalStatus(out LocalStatus status);

    /// <summary>One more use of the same container, for reading, whatever the server has meanwhile; null: it can't be used any more.</summary>
    IContainer? TryShare();

    /// <summary>
    /// Stores the content if it changed since it was fetched or last stored; at FLUSH and fsync. Idempotent; concurrent calls share one store.
    /// A failure stays: every later call tries again and tells.
    /// </summary>
    ValueTask<Failure> StoreAsync(OperationContext operation);
}

/// <summary>What the container file itself says.</summary>
/// <param name="ChangeTime">Null where nothing is known to be changed: the file's own tells what the daemon did to it, and the server's holds.</param>
public readonly record struct LocalStatus(long LengthBytes, long AllocatedBytes, Timestamp ModifyTime, Timestamp? ChangeTime);

/// <summary>How far the content of an open container has come that is still being fetched. Safe for concurrent use.</summary>
public interface IArrival
{
    /// <summary>All is there, and its checksum is right.</summary>
    bool IsComplete { get; }

    /// <summary>The bytes up to that end can be read.</summary>
    bool Has(long endBytes);

    /// <summary>
    /// Waits until <see cref="Has"/>. A failure: they won't come, or what came doesn't match its checksum. Bounded by the progress that a transfer must make.
    /// </summary>
    ValueTask<Failure> WaitAsync(long endBytes, CancellationToken cancellation);
}

/// <summary>Who gave a descriptor for a while.</summary>
public interface IHandleLender
{
    /// <summary>Once for each that was given.</summary>
    void Return();
}

/// <summary>
/// A container's descriptor for one piece of work, at whose end it is disposed: then the daemon may close the file, whoever has it open. So what processes have open costs
/// the daemon no descriptors.
/// </summary>
/// <param name="file">Open for reading, and for writing where the use writes.</param>
/// <param name="lender">Null: it stays open anyway.</param>
public readonly struct BorrowedHandle(SafeFileHandle file, IHandleLender? lender) : IDisposable
{
    public SafeFileHandle File => file;

    public long LengthBytes => RandomAccess.GetLength(file);

    public void Dispose() => lender?.Return();

    /// <summary>Of a disk that is real.</summary>
    /// <exception cref="DiskException">It can't be opened.</exception>
    internal static BorrowedHandle Of(IDiskFile file) =>
        file is BoundedFile bounded ? new(bounded.Borrow().Handle!, bounded) : new(file.Handle!, null);
}

/// <summary>
/// Mutations: each is one call to the server, whose reply is applied to the caches (a cached directory is edited only where its version rose by
/// exactly one, by this change; else it is suspect). Success means stable storage. Between two volumes: abort CrossesVolumes.
/// </summary>
public interface IFileOperations
{
    ValueTask<Result<FetchStatus>> CreateAsync(CreateRequest request, OperationContext operation);

    ValueTask<Failure> RemoveAsync(Fid parent, byte[] name, bool isDirectory, OperationContext operation);

    ValueTask<Failure> RenameAsync(Fid fromParent, byte[] fromName, Fid toParent, byte[] toName, RenameMode mode, OperationContext operation);

    ValueTask<Result<FetchStatus>> LinkAsync(Fid fid, Fid parent, byte[] name, OperationContext operation);

    /// <summary>Mode, owner, group, times. Times are set on a dirty container too. Of a file removed while open here: only locally.</summary>
    ValueTask<Result<FetchStatus>> SetStatusAsync(StoreStatusRequest request, OperationContext operation);

    /// <summary>One xattr; an access list must be valid (<see cref="AccessList.IsValid"/>). Of a file removed while open here: only locally.</summary>
    ValueTask<Failure> SetXattrAsync(StoreXattrRequest request, OperationContext operation);

    /// <summary>All xattrs, from memory. False: ask <see cref="GetXattrsAsync"/>.</summary>
    bool TryGetXattrs(Fid fid, out IReadOnlyList<Xattr> known);

    /// <summary>All xattrs; cached with the promise of the status.</summary>
    ValueTask<Result<IReadOnlyList<Xattr>>> GetXattrsAsync(Fid fid, OperationContext operation);

    /// <summary>The clock for times in requests.</summary>
    Timestamp Now { get; }

    /// <summary>What statfs shows of the fid's volume, as of the last second. After the first time it waits for the server no longer than a second, and then tells what is known.</summary>
    ValueTask<Result<GetVolumeStatusReply>> GetVolumeStatusAsync(Fid fid, OperationContext operation);

    /// <summary>
    /// Completes when all that this client did to the fid's volume before is on stable storage at the server, but for what the server refused (<see cref="RefusalsIn"/>). Where nothing is written behind it is
    /// complete at once.
    /// </summary>
    ValueTask<Failure> SyncAsync(Fid fid, OperationContext operation);

    /// <summary>Changes of the fid's volume that were written behind and refused.</summary>
    RefusedBehind RefusalsIn(Fid volumeOf);

    /// <summary>The same, if any of the last ones was about this vnode; else none.</summary>
    RefusedBehind RefusalsOf(Fid fid);
}

/// <summary>Changes that were answered here and refused by the server later.</summary>
/// <param name="Count">So many times until now, of the volume: each descriptor is told once of those that came after it.</param>
/// <param name="Last">Why the last was.</param>
public readonly record struct RefusedBehind(long Count, Failure Last);

/// <summary>Which refusals a descriptor was told of. Safe for concurrent use: of several who ask at a time one is told.</summary>
public struct RefusalsTold(RefusedBehind before)
{
    private long _count = before.Count;

    /// <summary>The failure to tell now; none: it was told, or there is none.</summary>
    public Failure Tell(RefusedBehind refused)
    {
        long told = Volatile.Read(ref _count);
        return refused.Count > told && Interlocked.CompareExchange(ref _count, refused.Count, told) == told ? refused.Last : Failure.None;
    }
}

/// <summary>A container that open files of a mount stand on while its daemon is replaced.</summary>
/// <param name="BaseVersion">As it was when it was opened.</param>
/// <param name="IsWritten">Some of them write.</param>
public sealed record HeldContainer(ContainerId Id, Fid Fid, DataVersion BaseVersion, bool IsWritten);

/// <summary>What the open files of a daemon's predecessor stand on. Used once, before the first operation.</summary>
public interface IHeldFiles
{
    /// <summary>One more use of the container, as an open would give it. Null: its file is gone.</summary>
    IContainer? TryTake(ContainerId id, bool isWriting);

    /// <summary>A vnode that lost its last name while it was in use here: the server knows no more of it.</summary>
    void RestoreRemoved(FetchStatus last);

    /// <summary>All were taken that will be.</summary>
    void Finish();
}

/// <summary>
/// What the kernel caches of this mount. Vfs implements it, the cache manager calls it when promises go, after it has marked them gone
/// itself and holding no lock.
/// </summary>
public interface IKernelCaches
{
    /// <summary>Completes when no process can any longer see from the kernel's caches what was broken. Bounded: some milliseconds, whatever hangs.</summary>
    ValueTask InvalidateAsync(IReadOnlyList<PromiseBreak> breaks);

    /// <summary>Everything of a volume: the lease is lost, or the server reset its promises.</summary>
    ValueTask InvalidateAllAsync(VolumeId volume);

    /// <summary>
    /// Completes when each use of a container that a process ended before this call was asked for has ended here too. The kernel tells of a last close by itself, a moment later. Nearly always complete at once;
    /// bounded: two seconds.
    /// </summary>
    ValueTask EarlierReleasesAsync();
}
