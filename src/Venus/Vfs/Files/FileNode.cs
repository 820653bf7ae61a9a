using Afs.Fuse;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>
/// A regular file as the kernel knows it by one NodeId. While it is open, it is bound to one container.
///
/// INVARIANT: all opens through this node use the same container in the same mode: either passthrough with one backing id, or
/// READ and WRITE served by the daemon (fs/fuse/iomode.c answers EIO otherwise).
/// INVARIANT: the binding changes only while the node isn't open, which means that every RELEASE was seen.
/// INVARIANT: an open lets the kernel keep its cached pages only if they are the container's content. That is so if nobody wrote past them, by passthrough, since the kernel was last
/// told to drop its pages; and if it is known to have dropped them, since it sent a READ for the open that told it to.
/// </summary>
internal sealed class FileNode(NodeId id, Fid fid) : Node(id, fid, FileType.Regular)
{
    /// <summary>Held over quick calls on the container (fstat) and on the device (registering a backing file), which never wait.</summary>
    private readonly Lock _lock = new();
    private OpenFile? _first;
    private int _opens;
    private int _writers;
    private ContainerId? _container;
    private BackingId _backing;
    private bool _isServedHere, _isProven, _arePagesStale = true;
    private bool _isQueuedIdle, _wasUsedSinceQueued;

    /// <summary>As last seen: the file is marked, so that each write is stored before it returns. Null: not known yet. Owned by <see cref="DurabilityMarks"/>.</summary>
    public bool? IsMarked { get; set; }

    /// <summary>Until this time, names that lead here are given for one use only. Owned by <see cref="KernelNames"/>.</summary>
    public long RestlessUntil { get; set; } = long.MinValue;

    /// <summary>The container whose file the next open need not open: the kernel has it registered, or it was opened well before and is read through pages.</summary>
    public ContainerId? Proven
    {
        get
        {
            lock (_lock)
                return _isProven ? _container : null;
        }
    }

    /// <summary>Adds an open file, if the node is bound to its container or can be rebound.</summary>
    /// <param name="backings">Null where the mount has no passthrough.</param>
    /// <returns>False: it is open with another container. Nothing was done.</returns>
    public bool TryAttach(OpenFile file, BackingFiles? backings, out FileBinding binding)
    {
        lock (_lock)
        {
            bool isSame = _container == file.Container.Id;
            binding = default;
            if (!isSame && _opens > 0)
                return false;
            if (!isSame)
                CloseBacking(backings);
            if (_opens == 0)
                ChooseMode(file, backings);
            NotePages(file, isSame);
            binding = new FileBinding(KeepsPages: !file.DropsPages, IsRebound: !isSame && _container is not null, _isServedHere ? default : _backing);
            _container = file.Container.Id;
            Link(file);
            return true;
        }
    }

    /// <summary>One more use of the container that is open here; null: none is.</summary>
    public IContainer? TryShare()
    {
        lock (_lock)
            return _first?.Container.TryShare();
    }

    /// <summary>The kernel sent a READ for this open. So it has seen the open's reply, and dropped what it had cached before.</summary>
    public void NoteDropped(OpenFile file)
    {
        lock (_lock)
            _arePagesStale = file.DropsPages = false;
    }

    /// <summary>The container was written to past the kernel's pages.</summary>
    public void NoteRewritten()
    {
        lock (_lock)
            _arePagesStale = true;
    }

    /// <summary>The container's file can't be opened. The next open tries it, and finds out what to do.</summary>
    public void Distrust(OpenFile file)
    {
        lock (_lock)
            _isProven &= _container != file.Container.Id;
    }

    /// <summary>Adds an open file that a predecessor attached. The kernel has it open with this registration, or with none.</summary>
    public void TakeOver(OpenFile file)
    {
        lock (_lock)
        {
            (_container, _backing, _isServedHere, _isProven) = (file.Container.Id, file.Backing, file.Backing.IsNone, !file.Backing.IsNone);
            Link(file);
        }
    }

    /// <summary>Removes an open file, at its RELEASE.</summary>
    public void Remove(OpenFile file, BackingFiles? backings)
    {
        bool isIdle;
        lock (_lock)
        {
            Unlink(file);
            isIdle = _opens == 0 && !_backing.IsNone;
            if (isIdle && !backings!.MayKeep(file))
            {
                CloseBacking(backings);
                isIdle = false;
            }
        }

        if (isIdle)
            backings!.NoteIdle(this);
    }

    /// <summary>True: the caller puts the node into the queue of idle ones. False: it is in there already.</summary>
    public bool TryQueueIdle()
    {
        lock (_lock)
        {
            _wasUsedSinceQueued = _isQueuedIdle;
            if (_isQueuedIdle)
                return false;
            _isQueuedIdle = true;
            return true;
        }
    }

    /// <summary>The node came to the queue's head. True: it was used since it was queued, and the caller puts it at the end once more. False: it left the queue.</summary>
    public bool LeaveIdleQueue(BackingFiles backings)
    {
        lock (_lock)
        {
            if (_wasUsedSinceQueued && !_backing.IsNone)
            {
                _wasUsedSinceQueued = false;
                return true;
            }

            _isQueuedIdle = false;
            if (_opens == 0)
                CloseBacking(backings);
            return false;
        }
    }

    /// <summary>Ends the registration, unless somebody has the file open.</summary>
    public void CloseIdleBacking(BackingFiles backings)
    {
        lock (_lock)
        {
            if (_opens == 0)
                CloseBacking(backings);
        }
    }

    /// <summary>What the open container says, against the server's current version.</summary>
    public FileView Look(DataVersion current)
    {
        lock (_lock)
        {
            if (_first is null)
                return FileView.Closed;
            IContainer container = _first.Container;
            if (container.TryGetLocalStatus(out LocalStatus local))
                return new FileView { IsOpen = true, IsLocal = true, Local = local };
            if (container.BaseVersion == current)
                return new FileView { IsOpen = true };
            FetchStatus? status = _first.Status;
            using BorrowedHandle borrowed = container.Borrow();
            return new FileView { IsOpen = true, IsOld = true, OldLengthBytes = borrowed.LengthBytes, OldStatus = status };
        }
    }

    /// <summary>The status that was known at one of the opens that still last; null: it isn't open, or nothing was known then.</summary>
    public FetchStatus? OpenedStatus
    {
        get
        {
            lock (_lock)
                return _first?.Known;
        }
    }

    /// <summary>It is open, with another version than the current one.</summary>
    public bool IsOpenAtOther(DataVersion? current)
    {
        if (!IsOpen)
            return false;
        lock (_lock)
            return _first is not null && _first.Container.BaseVersion != current;
    }

    public bool IsOpen => Volatile.Read(ref _opens) > 0;

    public bool IsOpenForWriting => Volatile.Read(ref _writers) > 0;

    /// <summary>Chooses between passthrough and the daemon, for as long as the node is open from now on.</summary>
    private void ChooseMode(OpenFile file, BackingFiles? backings)
    {
        bool arePagesBetter = backings is not null && backings.ArePagesBetter(file);
        _isServedHere = backings is null || arePagesBetter || file.Durability == Durability.Always || file.Container.Arrival is { IsComplete: false };
        if (_isServedHere)
            CloseBacking(backings);
        else if (_backing.IsNone)
            _backing = backings!.Open(file.Container);
        // The kernel refused to register it: for this time the daemon serves it.
        _isServedHere |= _backing.IsNone;
        _isProven = !_backing.IsNone || arePagesBetter;
    }

    private void NotePages(OpenFile file, bool isSame)
    {
        // A detached node doesn't hear of writes through the fid's new node.
        _arePagesStale |= IsDetached || !isSame || !_isServedHere && file.IsWritable;
        file.DropsPages = _isServedHere && _arePagesStale;
    }

    private void Link(OpenFile file)
    {
        file.Next = _first;
        if (_first is not null)
            _first.Previous = file;
        _first = file;
        _opens++;
        if (file.IsWritable)
            _writers++;
    }

    private void Unlink(OpenFile file)
    {
        if (file.Previous is null)
            _first = file.Next;
        else
            file.Previous.Next = file.Next;
        if (file.Next is not null)
            file.Next.Previous = file.Previous;
        (file.Next, file.Previous) = (null, null);
        _opens--;
        if (file.IsWritable)
            _writers--;
    }

    private void CloseBacking(BackingFiles? backings)
    {
        if (_backing.IsNone)
            return;
        backings!.Close(_backing);
        (_backing, _isProven) = (default, false);
    }
}
