using System.Collections.Concurrent;
using Afs.Fuse;
using Afs.Platform;
using Afs.Venus.Cache;
using Afs.Wire;
using Microsoft.Win32.SafeHandles;

namespace Afs.Venus.Vfs;

/// <summary>OPEN and RELEASE of regular files.</summary>
internal sealed class FileOpener(VfsMount mount)
{
    public ValueTask<FuseResult<OpenReply>> Open(FileNode node, int openFlags, bool killSetId, RequestId request, OperationContext operation)
    {
        if (!OpenFlags.Changes(openFlags)
            && mount.Marks.TryTell(node, openFlags, out Durability durability)
            && mount.Cache.Contents.TryOpenForReading(node.Fid, node.Proven, out IContainer container))
            return new(Attach(node, container, isWritable: false, durability, request));
        return OpenSlowlyAsync(node, openFlags, killSetId, request, operation);
    }

    /// <summary>OPEN of a file that is gone, whose content was fetched with a LOOKUP before it (<see cref="SentBack"/>). ESTALE where that can't be used.</summary>
    /// <param name="found">Belongs to the caller.</param>
    public async ValueTask<FuseResult<OpenReply>> OpenGoneAsync(FileNode node, IContainer found, int openFlags, RequestId request, OperationContext operation)
    {
        bool isWritable = OpenFlags.Changes(openFlags);
        IContainer? use = isWritable ? await mount.Cache.Contents.TryWriteAsync(found, OpenFlags.Truncates(openFlags), operation) : found.TryShare();
        return use is null ? Errno.ESTALE : Attach(node, use, isWritable, default, request);
    }

    /// <summary>Makes a handle for a container, and owns the container from then on. If it refuses, it disposes the container.</summary>
    /// <param name="request">The request that opens the file; none if the daemon opens it for itself.</param>
    /// <param name="isIntroduced">The same reply brings the kernel new attributes that it may not keep, so there are no old ones to drop.</param>
    public FuseResult<OpenReply> Attach(FileNode node, IContainer container, bool isWritable, Durability durability, RequestId request, bool isIntroduced = false)
    {
        KernelSession kernel = mount.Kernel.Session;
        bool isKnown = mount.Cache.Statuses.TryGet(node.Fid, out FetchStatus status);
        OpenFile file;
        FileBinding binding;
        while (true)
        {
            file = new OpenFile(node, container, isWritable, isKnown ? status : null)
            {
                Request = request,
                Durability = durability,
                // A close of a file that has been locked may end locks, so each has to be told at once.
                ClosesSilently = !isWritable && !mount.Locks.WasLocked(node.Fid),
                RefusedBefore = mount.Cache.Operations.RefusalsIn(node.Fid),
            };
            if (node.TryAttach(file, kernel.Backings, out binding))
                break;
            container.Dispose();
            // The file is open here at another version. A caller that looked its name up did so before the newer version was stored, since names are taken back before a store
            // returns. Any other caller means the file that is open here: by /proc/PID/fd, /proc/PID/exe or a bind mount of it. So a reader shares what is open.
            if (isWritable)
            {
                // After ESTALE the kernel looks the name up again, and finds a new node.
                mount.Nodes.Detach(node);
                return Errno.ESTALE;
            }

            if (node.TryShare() is not { } shared)
                return Errno.ESTALE;
            container = shared;
        }

        // The kernel drops attributes that belong to another container. It also drops those that it was allowed to keep, if it may now write without telling.
        if (binding.IsRebound || isWritable && !isIntroduced)
            kernel.Notifier.InvalidateNode(node.Id);
        file.Backing = binding.Backing;
        // With parallel direct writes a writer need not wait for the store of the one before it.
        OpenReplyFlags flags = ToFlags(binding, file.ClosesSilently) | (IsDirect(file) ? OpenReplyFlags.DirectIo | OpenReplyFlags.ParallelDirectWrites : OpenReplyFlags.None);
        try
        {
            return new OpenReply { Handle = mount.Files.Add(file), Flags = flags, Backing = binding.Backing };
        }
        catch (DiskException e)
        {
            node.Remove(file, kernel.Backings);
            container.Dispose();
            return e.ToErrno();
        }
    }

    /// <summary>The last descriptor is gone. Disposing the container stores what a mapping wrote since the last FLUSH.</summary>
    public void Release(FileHandle handle)
    {
        if (mount.Files.Remove(handle) is not { } file)
            return;
        file.Node.Remove(file, mount.Kernel.Session.Backings);
        file.Container.Dispose();
    }

    /// <summary>Its reads and writes go past the page cache of the mount, and come here.</summary>
    private bool IsDirect(OpenFile file) =>
        file.Backing.IsNone ? mount.Kernel.Session.Backings is { } backings && backings.IsDirectBetter(file) : file.StoresEachWrite;

    private static OpenReplyFlags ToFlags(FileBinding binding, bool closesSilently)
    {
        OpenReplyFlags flags = closesSilently ? OpenReplyFlags.NoFlush : OpenReplyFlags.None;
        if (!binding.Backing.IsNone)
            return flags | OpenReplyFlags.Passthrough;
        return binding.KeepsPages ? flags | OpenReplyFlags.KeepCache : flags;
    }

    private async ValueTask<FuseResult<OpenReply>> OpenSlowlyAsync(
        FileNode node, int openFlags, bool killSetId, RequestId request, OperationContext operation)
    {
        bool isWritable = OpenFlags.Changes(openFlags);
        Result<IContainer> opened = await mount.Cache.Contents.OpenAsync(node.Fid, isWritable, OpenFlags.Truncates(openFlags), operation);
        if (!opened.IsSuccess)
        {
            // Gone at the server, but open here: it can still be read, as a file without a name.
            return opened.Failure.IsGone() && !isWritable && node.TryShare() is { } shared
                ? Attach(node, shared, isWritable: false, default, request)
                : opened.Failure.ToErrno();
        }

        // By now the status is known.
        Result<Durability> durability = await mount.Marks.AskAsync(node, openFlags, operation);
        Errno error = durability.Failure.ToErrno();
        if (killSetId && error == Errno.None)
            error = await mount.Privileges.KillAsync(node, operation);
        if (error == Errno.None)
            return Attach(node, opened.Value, isWritable, durability.Value, request);
        opened.Value.Dispose();
        return error;
    }
}

/// <summary>O_* flags of open(2), as asm-generic has them.</summary>
internal static class OpenFlags
{
    public const int AccessModeMask = 0x3;
    public const int ReadOnly = 0x0;
    public const int Exclusive = 0x80;
    public const int Truncate = 0x200;

    /// <summary>O_DSYNC, which O_SYNC includes.</summary>
    public const int DataSync = 0x1000;

    public static bool IsSynchronous(int flags) => (flags & DataSync) != 0 && (flags & AccessModeMask) != ReadOnly;

    public static bool Truncates(int flags) => (flags & Truncate) != 0;

    /// <summary>The file may change through it. O_RDONLY with O_TRUNC truncates too.</summary>
    public static bool Changes(int flags) => (flags & AccessModeMask) != ReadOnly || Truncates(flags);

    public static bool IsExclusive(int flags) => (flags & Exclusive) != 0;
}

/// <summary>One open file description of the kernel: its node, and a pinned use of the container. The handle table owns it until RELEASE.</summary>
internal sealed class OpenFile(FileNode node, IContainer container, bool isWritable, FetchStatus? known)
{
    private RefusalsTold _told;

    public FileNode Node { get; } = node;

    public IContainer Container { get; } = container;

    public bool IsWritable { get; } = isWritable;

    /// <summary>When its writes are stored.</summary>
    public Durability Durability { get; init; }

    public bool StoresEachWrite => IsWritable && Durability != Durability.AtClose;

    /// <summary>The status that was known at open, of any version. fstat shows it after another client removed the file.</summary>
    public FetchStatus? Known { get; } = known;

    /// <summary>The same, if it is of the container's version; else null. fstat shows it after another client stored a newer version.</summary>
    public FetchStatus? Status { get; } = known?.DataVersion == container.BaseVersion ? known : null;

    /// <summary>The request that opened it; none: the daemon opened it for itself.</summary>
    public RequestId Request { get; init; }

    /// <summary>The registration for passthrough; none: the daemon serves the file. Set after the file was attached and before it is recorded.</summary>
    public BackingId Backing { get; set; }

    /// <summary>The kernel sends no FLUSH when a descriptor of it is closed, only a RELEASE after the last.</summary>
    public bool ClosesSilently { get; init; } = !isWritable;

    /// <summary>The reply to this open makes the kernel drop what it has cached of the content. Owned by the node, under its lock.</summary>
    public bool DropsPages { get; set; }

    /// <summary>What was refused before it was opened isn't its to tell.</summary>
    public RefusedBehind RefusedBefore { init => _told = new RefusalsTold(value); }

    /// <summary>Links of the node's list; owned by the node, under its lock.</summary>
    public OpenFile? Next { get; set; }

    public OpenFile? Previous { get; set; }

    /// <inheritdoc cref="RefusalsTold.Tell"/>
    public Failure TellRefusal(RefusedBehind refused) => _told.Tell(refused);
}

/// <summary>
/// The handles of open files or directories. A handle is the number of a slot and the count of the slot's uses, so that a handle which was released finds
/// nothing. Bounded by what the kernel has open.
/// </summary>
/// <param name="records">Records for a successor of this daemon; null: there are none.</param>
internal sealed class HandleTable<T>(IHandleRecords<T>? records = null)
    where T : class
{
    private const int UseShift = 32;
    private const int FirstCapacity = 256;

    private readonly Lock _lock = new();
    private readonly Stack<int> _free = new();
    private Slot[] _slots = new Slot[FirstCapacity];
    private int _used;

    /// <exception cref="DiskException">There is no room for its record. Nothing was added.</exception>
    public FileHandle Add(T value)
    {
        lock (_lock)
        {
            if (!_free.TryPop(out int index))
            {
                if (_used == _slots.Length)
                    Array.Resize(ref _slots, _used * 2);
                index = _used++;
            }

            ref Slot slot = ref _slots[index];
            slot.Uses++;
            var handle = new FileHandle((ulong)slot.Uses << UseShift | (uint)index);
            try
            {
                records?.Put(index, handle, value);
            }
            catch (DiskException)
            {
                _free.Push(index);
                throw;
            }
            slot.Value = value;
            return handle;
        }
    }

    public T? Find(FileHandle handle)
    {
        lock (_lock)
            return Holds(handle, out int index) ? _slots[index].Value : null;
    }

    public T? Remove(FileHandle handle)
    {
        lock (_lock)
        {
            if (!Holds(handle, out int index))
                return null;
            T? value = _slots[index].Value;
            records?.Clear(index);
            _slots[index].Value = null;
            _free.Push(index);
            return value;
        }
    }

    /// <summary>The number of a handle's slot, and of its record. A record in any other place is damaged.</summary>
    public static uint PlaceOf(FileHandle handle) => (uint)(handle.Value & uint.MaxValue);

    /// <summary>Takes over a handle of a predecessor. To be called in the order of places, before the first <see cref="Add"/>.</summary>
    public void TakeOver(FileHandle handle, T value)
    {
        lock (_lock)
            TakeSlot(handle, value);
    }

    /// <summary>
    /// Takes note of a handle of a predecessor that is closed, or can't be taken over. The same handle isn't given again, since the kernel may send its release once more. Requests
    /// with it find nothing.
    /// </summary>
    public void TakeOverClosed(FileHandle handle)
    {
        lock (_lock)
        {
            int index = TakeSlot(handle, value: null);
            records?.Clear(index);
            _free.Push(index);
        }
    }

    /// <summary>Removes and returns all that is left, at the end of the mount.</summary>
    public IReadOnlyList<T> Drain()
    {
        lock (_lock)
        {
            var left = new List<T>();
            for (int index = 0; index < _used; index++)
            {
                if (_slots[index].Value is not { } value)
                    continue;
                left.Add(value);
                _slots[index].Value = null;
                _free.Push(index);
            }

            return left;
        }
    }

    private int TakeSlot(FileHandle handle, T? value)
    {
        int index = (int)PlaceOf(handle);
        while (_slots.Length <= index)
            Array.Resize(ref _slots, _slots.Length * 2);
        for (; _used < index; _used++)
            _free.Push(_used);
        _used = index + 1;
        _slots[index] = new Slot { Value = value, Uses = (uint)(handle.Value >> UseShift) };
        return index;
    }

    private bool Holds(FileHandle handle, out int index)
    {
        uint slot = PlaceOf(handle);
        index = slot < (uint)_used ? (int)slot : 0;
        return slot < (uint)_used && _slots[index].Uses == (uint)(handle.Value >> UseShift) && _slots[index].Value is not null;
    }

    private struct Slot
    {
        public T? Value;
        public uint Uses;
    }
}

/// <summary>
/// Registers containers for passthrough. A registration is kept after the last close, since to make one costs more than the rest of an
/// open. A queue bounds how many are kept. Each node knows its own registration.
/// </summary>
internal sealed class BackingFiles(IFuseNotifier device, VfsOptions options)
{
    /// <summary>Nodes that became idle, oldest first. Each is in here at most once. One that was used since gets a second turn.</summary>
    private readonly ConcurrentQueue<FileNode> _idle = new();

    /// <summary>
    /// None: the kernel refuses, as it does for a cache on a stacked filesystem. What is registered is a descriptor for reading: the kernel opens the
    /// file anew with the flags of each open, and a registration that is kept must not look like a writer.
    /// </summary>
    public BackingId Open(IContainer container)
    {
        using BorrowedHandle borrowed = container.Borrow();
        FuseResult<SafeFileHandle> reopened = ContainerFile.ReopenForReading(borrowed.File);
        if (reopened.IsSuccess)
        {
            using SafeFileHandle readOnly = reopened.Value;
            FuseResult<BackingId> result = device.OpenBacking((int)readOnly.DangerousGetHandle());
            if (result.IsSuccess)
                return result.Value;
        }

        return default;
    }

    public void Close(BackingId backing) => device.CloseBacking(backing);

    /// <summary>A registration keeps the container's disk space in use, even if the cache evicts the container. So only those of small files are kept.</summary>
    public bool MayKeep(OpenFile file)
    {
        bool isLengthKnown = !file.IsWritable && file.Status is not null;
        return (isLengthKnown ? file.Status!.LengthBytes : LengthOf(file.Container)) <= options.MaxIdleBackingBytes;
    }

    /// <summary>
    /// The file is small, and nobody can write it: it is read through the page cache of the mount. With passthrough the kernel would open the container at
    /// each open, and ask for the attributes after each read (fs/fuse/passthrough.c, fuse_file_accessed).
    /// </summary>
    public bool ArePagesBetter(OpenFile file) =>
        !file.IsWritable && !file.Container.MayBeWritten && file.Status is { } status && status.LengthBytes <= options.MaxServedBytes;

    /// <summary>
    /// The file is large, and still arriving: each read is copied to the reader, and not into pages of the mount first (FOPEN_DIRECT_IO). Those pages would hold the
    /// whole file in memory once more, beside the container's own pages, which later opens read.
    /// </summary>
    public bool IsDirectBetter(OpenFile file) =>
        file.Container.Arrival is { IsComplete: false } && LengthOf(file.Container) >= options.MinDirectBytes;

    private static long LengthOf(IContainer container)
    {
        using BorrowedHandle borrowed = container.Borrow();
        return borrowed.LengthBytes;
    }

    /// <summary>Nobody has the file open any more. The caller holds no lock.</summary>
    public void NoteIdle(FileNode node)
    {
        if (!node.TryQueueIdle())
            return;
        _idle.Enqueue(node);
        while (_idle.Count > options.MaxIdleBackings && _idle.TryDequeue(out FileNode? oldest))
        {
            if (!oldest.LeaveIdleQueue(this))
                return;
            _idle.Enqueue(oldest);
        }
    }
}

/// <summary>Sets a file's length. ftruncate does so through the caller's open file; for truncate the file is opened here.</summary>
internal sealed class Truncation(VfsMount mount, FileOpener opener)
{
    public async ValueTask<Errno> TruncateAsync(Node node, SetAttributesRequest set, OperationContext operation)
    {
        if (node is not FileNode file)
            return Errno.EINVAL;
        if (set.SizeBytes > Limits.FileBytes)
            return Errno.EFBIG;
        long lengthBytes = (long)set.SizeBytes;

        if (set.Mask.HasFlag(SetAttributesMask.Handle) && mount.Files.Find(set.Handle) is { IsWritable: true } open && open.Node == file)
            return await FileContent.StoreIfEachWriteAsync(mount, open, SetLength(open.Container, lengthBytes), operation);

        Result<Durability> durability = await mount.Marks.AskAsync(file, OpenFlags.Truncate, operation);
        if (!durability.IsSuccess)
            return durability.Failure.ToErrno();
        // If somebody has the file open for writing, that close stores the new length.
        bool storesNow = !file.IsOpenForWriting || durability.Value == Durability.Always;
        Result<IContainer> opened = await mount.Cache.Contents.OpenAsync(file.Fid, forWriting: true, truncate: lengthBytes == 0, operation);
        if (!opened.IsSuccess)
            return opened.Failure.ToErrno();
        FuseResult<OpenReply> attached = opener.Attach(file, opened.Value, isWritable: true, durability.Value, request: default);
        if (!attached.IsSuccess)
            return attached.Error;

        Errno error = SetLength(opened.Value, lengthBytes);
        if (error == Errno.None && storesNow)
            error = (await opened.Value.StoreAsync(operation)).ToErrno();
        opener.Release(attached.Value.Handle);
        return error;
    }

    private static Errno SetLength(IContainer container, long lengthBytes)
    {
        using BorrowedHandle borrowed = container.Borrow();
        return ContainerFile.SetLength(borrowed.File, lengthBytes);
    }
}
