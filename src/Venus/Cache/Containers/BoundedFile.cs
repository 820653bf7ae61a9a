using Afs.Platform;
using Microsoft.Win32.SafeHandles;

namespace Afs.Venus.Cache;

/// <summary>
/// How many container files the daemon has open at one time. What the kernel reads and writes by itself needs no descriptor of the daemon, however many processes have
/// it open; what the daemon works on is opened when the work begins. Files that nobody works on stay open for the next work, the most recently used ones.
/// </summary>
/// <param name="most">Beyond it those that nobody works on are closed. What is worked on at one time is bounded elsewhere, and may exceed it.</param>
internal sealed class OpenDescriptors(int most)
{
    /// <summary>Taken before the lock of a file; a file that holds its own never waits for it.</summary>
    private readonly Lock _lock = new();

    /// <summary>Those that were opened, oldest first; each at most once. One that was used meanwhile has another turn.</summary>
    private readonly Queue<BoundedFile> _open = new();

    /// <summary>Opens a file; where the process may open no more, after all that are idle were closed.</summary>
    /// <exception cref="DiskException">It can't be opened.</exception>
    public IDiskFile Open(Func<IDiskFile> open)
    {
        try
        {
            return open();
        }
        catch (DiskException e) when (e.Failure == DiskFailure.TooManyOpenFiles)
        {
            Trim(0);
            return open();
        }
    }

    /// <summary>It was opened. Called under no lock.</summary>
    public void Add(BoundedFile file)
    {
        lock (_lock)
            _open.Enqueue(file);
        Trim(most);
    }

    private void Trim(int target)
    {
        lock (_lock)
        {
            for (int looks = 2 * _open.Count; looks > 0 && _open.Count > target; looks--)
            {
                BoundedFile oldest = _open.Dequeue();
                if (!oldest.TryCloseIdle())
                    _open.Enqueue(oldest);
            }
        }
    }
}

/// <summary>
/// A container's file that may be closed whenever nobody works on it, and is opened again by its name. The name stays as long as the container is pinned
/// (<see cref="ContainerTable"/> deletes the file after the last pin), but for one that is moved to the recovered folder, which is kept open from before that. Safe for
/// concurrent use.
/// </summary>
internal sealed class BoundedFile : IDiskFile, IHandleLender
{
    private readonly Lock _lock = new();
    private readonly Func<IDiskFile> _open;
    private readonly OpenDescriptors _descriptors;
    private IDiskFile? _file;
    private int _borrowers;
    private bool _wasUsed, _isKept, _isQueued, _isDisposed;

    /// <exception cref="DiskException">It can't be opened.</exception>
    public BoundedFile(Func<IDiskFile> open, OpenDescriptors descriptors)
    {
        (_open, _descriptors) = (open, descriptors);
        Borrow();
        Return();
    }

    public long LengthBytes
    {
        get
        {
            IDiskFile file = Borrow();
            try
            {
                return file.LengthBytes;
            }
            finally
            {
                Return();
            }
        }
    }

    /// <summary>Only while somebody has borrowed it.</summary>
    public SafeFileHandle? Handle
    {
        get
        {
            lock (_lock)
                return _borrowers > 0 ? _file!.Handle : throw new InvalidOperationException("Nobody has borrowed the file.");
        }
    }

    /// <summary>The open file, which stays open until <see cref="Return"/>.</summary>
    /// <exception cref="DiskException">It can't be opened.</exception>
    public IDiskFile Borrow()
    {
        IDiskFile file;
        bool isToQueue;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            file = _file ??= _descriptors.Open(_open);
            _borrowers++;
            _wasUsed = true;
            isToQueue = !_isQueued;
            _isQueued = true;
        }
        if (isToQueue)
            _descriptors.Add(this);
        return file;
    }

    public void Return()
    {
        IDiskFile? close = null;
        lock (_lock)
        {
            if (--_borrowers == 0 && _isDisposed)
                (close, _file) = (_file, null);
        }
        close?.Dispose();
    }

    /// <summary>Its name is about to go: it stays open until it is disposed.</summary>
    /// <exception cref="DiskException">It can't be opened.</exception>
    public void KeepOpen()
    {
        Borrow();
        lock (_lock)
            _isKept = true;
        Return();
    }

    /// <summary>True: it is closed now, or was. False: somebody works on it, or did since the last look.</summary>
    public bool TryCloseIdle()
    {
        if (!_lock.TryEnter())
            return false;
        IDiskFile? close;
        try
        {
            if (_file is not null && (_borrowers > 0 || _isKept || _wasUsed))
            {
                _wasUsed = false;
                return false;
            }
            (close, _file) = (_file, null);
            _isQueued = false;
        }
        finally
        {
            _lock.Exit();
        }
        close?.Dispose();
        return true;
    }

    public int Read(long offset, Span<byte> destination)
    {
        IDiskFile file = Borrow();
        try
        {
            return file.Read(offset, destination);
        }
        finally
        {
            Return();
        }
    }

    public void Write(long offset, ReadOnlySpan<byte> data)
    {
        IDiskFile file = Borrow();
        try
        {
            file.Write(offset, data);
        }
        finally
        {
            Return();
        }
    }

    public DataRun NextData(long offset)
    {
        IDiskFile file = Borrow();
        try
        {
            return file.NextData(offset);
        }
        finally
        {
            Return();
        }
    }

    public void SetLength(long lengthBytes) => Do(file => file.SetLength(lengthBytes));

    public void CopyFrom(IDiskFile source, long offset, long countBytes) => Do(file => file.CopyFrom(source, offset, countBytes));

    public void BeginWriteback(long offset, long countBytes) => Do(file => file.BeginWriteback(offset, countBytes));

    public void Sync() => Do(static file => file.Sync());

    /// <summary>Also after the file was closed here and opened again: the kernel keeps a loss for the first who looks (errseq_sample in lib/errseq.c).</summary>
    public void CheckWritten() => Do(static file => file.CheckWritten());

    public void Dispose()
    {
        IDiskFile? close = null;
        lock (_lock)
        {
            _isDisposed = true;
            if (_borrowers == 0)
                (close, _file) = (_file, null);
        }
        close?.Dispose();
    }

    private void Do(Action<IDiskFile> work)
    {
        IDiskFile file = Borrow();
        try
        {
            work(file);
        }
        finally
        {
            Return();
        }
    }
}
