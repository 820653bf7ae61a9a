using Afs.Fuse;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>
/// A regular file as the kernel knows it by one NodeId, bound to one container while it is open.
///
/// INVARIANT: all that have it open through this node use the same container, and the same mode: passthrough with one backing id, or
/// READ and WRITE by the daemon (fs/fuse/iomode.c answers EIO else).
/// INVARIANT: the binding changes only while nobody has it open, which is after every RELEASE was seen.
/// INVARIANT: the kernel keeps cached pages at an open only if they are the container's content: nobody wrote past them, by passthrough, since
/// it dropped others, and it has done so, for a READ came by the handle that made it.
/// </summary>
internal sealed class FileNode(NodeId id, Fid fid) : Node(id, fid, FileType.Regular)
{
    /// <summary>Under it: quick calls on the container (fstat) and on the device (registering a backing file), which never wait.</summary>
    private readonly Lock _lock = new();
    private OpenFile? _first;
    private int _opens;
    private int _writers;
    private ContainerId? _container;
    private BackingId _backing;
    private bool _isServedHere, _isProven, _arePagesStale = true;
    private bool _isQueuedIdle, _wasUsedSinceQueued;

    /// <summary>The container that the next open needs no descriptor of: the kernel has it registered, or it was open before and is read through pages.</summary>
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

    /// <summary>The kernel read by this handle, so it knows of the open and has dropped what it had cached before.</summary>
    public void NoteDropped(OpenFile file)
    {
        lock (_lock)
            _arePagesStale = file.DropsPages = false;
    }

    /// <summary>The container's file can't be opened: the next open finds out what to do.</summary>
    public void Distrust(OpenFile file)
    {
        lock (_lock)
            _isProven &= _container != file.Container.Id;
    }

    /// <summary>One that a predecessor attached: the kernel holds it open with this registration, or without one.</summary>
    public void TakeOver(OpenFile file)
    {
        lock (_lock)
        {
            (_container, _backing, _isServedHere, _isProven) = (file.Container.Id, file.Backing, file.Backing.IsNone, !file.Backing.IsNone);
            Link(file);
        }
    }

    /// <summary>Takes an open file off, at its RELEASE.</summary>
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

    /// <summary>True: the node is to be put into the queue of idle ones. False: it stands there.</summary>
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

    /// <summary>The node came to the queue's head. True: it was used since it was put there, and goes to the end once more. False: it is out.</summary>
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
            return new FileView { IsOpen = true, IsOld = true, OldLengthBytes = RandomAccess.GetLength(container.Handle), OldStatus = status };
        }
    }

    /// <summary>What was known of the file when somebody opened it who still has it open; null where nobody has, or nothing was known.</summary>
    public FetchStatus? OpenedStatus
    {
        get
        {
            lock (_lock)
                return _first?.Known;
        }
    }

    public bool IsOpen => Volatile.Read(ref _opens) > 0;

    public bool IsOpenForWriting => Volatile.Read(ref _writers) > 0;

    /// <summary>For as long as it is open from now on.</summary>
    private void ChooseMode(OpenFile file, BackingFiles? backings)
    {
        bool arePagesBetter = backings is not null && backings.ArePagesBetter(file);
        _isServedHere = backings is null || arePagesBetter || file.Container.Arrival is { IsComplete: false };
        if (_isServedHere)
            CloseBacking(backings);
        else if (_backing.IsNone)
            _backing = backings!.Open(file.Container.Handle);
        // Refused by the kernel: as long as it is open now, it is served here.
        _isServedHere |= _backing.IsNone;
        _isProven = !_backing.IsNone || arePagesBetter;
    }

    private void NotePages(OpenFile file, bool isSame)
    {
        _arePagesStale |= !isSame || !_isServedHere && file.IsWritable;
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
