using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Afs.Platform;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// Owns which container is the current one of each fid, and the size of all of them together. Older ones live by their uses only.
/// It asks nobody: whether one may go is for <see cref="ContainerSeals"/> to say, who lets it go here. Its lock is taken before that of a container.
/// </summary>
internal sealed class ContainerTable(IContainerFiles files, IContainerIndex index)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<Fid, Container> _current = [];
    private readonly Dictionary<ContainerId, long> _sizes = [];
    private long _clock;
    private long _nextId;

    /// <summary>Allocated bytes as of when each container was last measured.</summary>
    public long TotalBytes { get; private set; }

    public int Count
    {
        get
        {
            lock (_lock)
                return _current.Count;
        }
    }

    /// <summary>Ids above any that was ever used.</summary>
    public void StartIdsAfter(ContainerId last) => _nextId = (long)last.Value;

    public ContainerId NewId() => new((ulong)Interlocked.Increment(ref _nextId));

    public bool TryGet(Fid fid, [NotNullWhen(true)] out Container? container)
    {
        lock (_lock)
        {
            if (!_current.TryGetValue(fid, out container))
                return false;
            container.LastUsed = ++_clock;
            return true;
        }
    }

    /// <summary>As <see cref="TryGet"/>, but for the order of evictions it wasn't used.</summary>
    public bool TryPeek(Fid fid, [NotNullWhen(true)] out Container? container)
    {
        lock (_lock)
            return _current.TryGetValue(fid, out container);
    }

    /// <summary>Of all volumes.</summary>
    public List<Container> Snapshot()
    {
        lock (_lock)
            return [.. _current.Values];
    }

    /// <summary>Of one volume.</summary>
    public IEnumerable<Container> Snapshot(VolumeId volume) => Snapshot().Where(container => container.Fid.Volume == volume);

    /// <summary>One step of <see cref="ContainerSeals.Install"/>, which says what becomes of it.</summary>
    /// <param name="kept">Was asked about, and can't be sealed.</param>
    /// <param name="watched">Not null: nothing was done. This one is the current, older, and may be written by somebody who has it mapped: it is to be asked about first.</param>
    public Container Install(Container container, Container? kept, out Container? watched)
    {
        Container? old;
        bool delete;
        lock (_lock)
        {
            bool isThere = _current.TryGetValue(container.Fid, out old);
            bool isOlder = isThere && !old!.IsLocal && old.BaseVersion.Value <= container.BaseVersion.Value;
            watched = isOlder && old!.Phase == ContainerPhase.Watched && old != kept ? old : null;
            if (watched is not null)
                return watched;
            if (isThere && !old!.IsNobodys && (!isOlder || old.Phase != ContainerPhase.Clean))
                (old, container) = (container, old!);
            else
                _current[container.Fid] = container;
            container.LastUsed = ++_clock;
            delete = old?.Retire(ContainerFate.Superseded) ?? false;
        }
        Measure(container.Id, container.Baseline.AllocatedBytes);
        if (delete)
            Delete(old!);
        return container;
    }

    /// <summary>
    /// Opens it for writing, if it is still the current one: from here on none takes its place. False: a newer one did, and what is written must
    /// go there, for all processes of this client share one.
    /// </summary>
    /// <param name="mayReturn">It may have been dropped, and takes its place again where no other has it: its file is gone, and who opens it opened its name before.</param>
    public bool TryBeginWriting(Container container, Caller writer, bool mayReturn = false)
    {
        lock (_lock)
        {
            bool isCurrent = _current.TryGetValue(container.Fid, out Container? current) && current == container;
            if (!isCurrent && mayReturn && current is null && container.TryReturn())
                isCurrent = _current.TryAdd(container.Fid, container);
            if (!isCurrent)
                return false;
            container.BeginWriting(writer);
            return true;
        }
    }

    /// <summary>
    /// Takes one from the index. Where two are of one fid, the one with changes is the current; else the later one. The other goes, at the
    /// end of its use by whoever has it open since before this daemon.
    /// </summary>
    public void Restore(Container container)
    {
        Container? other;
        bool delete;
        lock (_lock)
        {
            if (_current.TryGetValue(container.Fid, out other) && other.IsLocal && !container.IsLocal)
                (other, container) = (container, other);
            _current[container.Fid] = container;
            container.LastUsed = ++_clock;
            delete = other?.Retire(ContainerFate.Superseded) ?? false;
        }
        Measure(container.Id, container.Baseline.AllocatedBytes);
        if (delete)
            Delete(other!);
    }

    /// <summary>Takes it out of the table; its file goes when nothing uses it.</summary>
    public void Drop(Container container, ContainerFate fate)
    {
        bool delete;
        lock (_lock)
        {
            if (_current.TryGetValue(container.Fid, out Container? current) && current == container)
                _current.Remove(container.Fid);
            delete = container.Retire(fate);
        }
        if (delete)
            Delete(container);
    }

    /// <summary>True: it was sealed and unused, and is deleted.</summary>
    public bool TryEvict(Container container)
    {
        lock (_lock)
        {
            if (!container.TryEvict())
                return false;
            _current.Remove(container.Fid);
        }
        Delete(container);
        return true;
    }

    /// <summary>The end of a pin; that of the last one closes the file, and deletes it where it is nobody's any more.</summary>
    public Unpinned Unpin(Container container, bool wasWriting = false)
    {
        Unpinned after = container.Unpin(wasWriting);
        if (after.IsToDelete)
            Delete(container);
        return after;
    }

    /// <summary>Deletes the file and the row of one that nothing uses any more.</summary>
    public void Delete(Container container)
    {
        lock (_lock)
        {
            if (_current.TryGetValue(container.Fid, out Container? current) && current == container)
                _current.Remove(container.Fid);
        }
        Forget(container.Id);
        files.Delete(container.Id);
    }

    /// <summary>Its row and its size; the file is somebody else's business.</summary>
    public void Forget(ContainerId id)
    {
        index.DeleteLater(id);
        Measure(id, 0);
    }

    /// <summary>What must hold between any two calls; for tests.</summary>
    public void CheckInvariants()
    {
        lock (_lock)
        {
            long total = _sizes.Values.Sum();
            if (total != TotalBytes)
                throw new UnreachableException($"The containers are {total} bytes, {TotalBytes} were counted.");
            foreach ((Fid fid, Container container) in _current)
            {
                if (container.Fid != fid || container.IsGone)
                    throw new UnreachableException($"The current container of {fid} is another's, or gone.");
                container.CheckInvariants();
            }
        }
    }

    public void Measure(ContainerId id, long allocatedBytes)
    {
        lock (_lock)
        {
            TotalBytes += allocatedBytes - _sizes.GetValueOrDefault(id);
            if (allocatedBytes == 0)
                _sizes.Remove(id);
            else
                _sizes[id] = allocatedBytes;
        }
    }
}

/// <summary>Container files on the disk, and what the disk knows of them. Failures throw <see cref="DiskException"/>.</summary>
internal interface IContainerFiles
{
    /// <summary>Makes a new, empty file.</summary>
    IDiskFile Create(ContainerId id);

    /// <summary>For reading and writing.</summary>
    IDiskFile Open(ContainerId id);

    /// <summary>For reading only: <see cref="MayBeWritten"/> doesn't take it for a writer's.</summary>
    IDiskFile OpenToRead(ContainerId id);

    bool Delete(ContainerId id);

    /// <summary>The file's name is on stable storage when this returns; of its content only what was synced.</summary>
    void SyncName(ContainerId id);

    /// <summary>All that are there.</summary>
    IEnumerable<ContainerId> List();

    ContainerStat Stat(IDiskFile file);

    /// <summary>A store into a mapped page after <see cref="ProtectMapped"/> shows in ctime. False: only the content shows it.</summary>
    bool ShowsMapped { get; }

    void SetModifyTime(IDiskFile file, Timestamp time);

    /// <summary>Its name is about to go: it stays open until it is disposed.</summary>
    void KeepOpen(IDiskFile file)
    {
    }

    /// <summary>
    /// Makes the next store into a page of this range that is mapped now show in ctime again: begins to write dirty pages back, which write-protects them
    /// (sync_file_range(2); the kernel's clear_page_dirty_for_io). Takes as long as handing the dirty pages to the disk.
    /// </summary>
    void ProtectMapped(IDiskFile file, long offset, long countBytes);

    /// <summary>
    /// May some process write to it, through a descriptor or a mapping, that isn't this daemon's? False only where the kernel denies it.
    /// The daemon has it not open for writing. Waits for no disk.
    /// </summary>
    bool MayBeWritten(ContainerId id);

    DiskSpace GetSpace();
}

/// <summary>Container files at <c>containers/xx/id</c>, both hexadecimal; xx is the low byte of the id, so that no folder grows large.</summary>
internal sealed class ContainerFiles : IContainerFiles
{
    /// <summary>In the cache's folder.</summary>
    public const string Folder = "containers";

    private readonly IDisk _disk;
    private readonly DiskTimes _times;
    private readonly OpenDescriptors _descriptors;

    /// <param name="disk">The cache's folder.</param>
    /// <param name="mostOpen">Files that stay open while nobody works on them.</param>
    public ContainerFiles(IDisk disk, int mostOpen)
    {
        _disk = disk;
        _descriptors = new OpenDescriptors(mostOpen);
        for (int low = 0; low < 256; low++)
            disk.CreateDirectory(FolderOf((byte)low));
        disk.SyncDirectory(Folder);
        disk.SyncDirectory(".");
        _times = DiskTimes.Probe(disk);
    }

    /// <summary>How the disk's times move, for the log.</summary>
    public DiskTimes Times => _times;

    public bool ShowsMapped => _times.ShowsMapped;

    public static string NameOf(ContainerId id) => $"{FolderOf((byte)id.Value)}/{id.Value:x16}";

    public IDiskFile Create(ContainerId id) => _disk.Open(NameOf(id), DiskOpenMode.CreateNew);

    public IDiskFile Open(ContainerId id) => new BoundedFile(() => _disk.Open(NameOf(id), DiskOpenMode.ReadWrite), _descriptors);

    public IDiskFile OpenToRead(ContainerId id) => new BoundedFile(() => _disk.Open(NameOf(id), DiskOpenMode.Read), _descriptors);

    public void KeepOpen(IDiskFile file) => (file as BoundedFile)?.KeepOpen();

    public bool Delete(ContainerId id) => _disk.Delete(NameOf(id));

    public void SyncName(ContainerId id) => _disk.SyncDirectory(FolderOf((byte)id.Value));

    public IEnumerable<ContainerId> List()
    {
        foreach (string folder in _disk.List(Folder))
        {
            foreach (string name in _disk.List($"{Folder}/{folder.TrimEnd('/')}"))
            {
                if (ulong.TryParse(name, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong id) && NameOf(new(id)).EndsWith($"/{name}", StringComparison.Ordinal))
                    yield return new ContainerId(id);
            }
        }
    }

    public ContainerStat Stat(IDiskFile file) => _times.Look(file);

    public void SetModifyTime(IDiskFile file, Timestamp time)
    {
        using BorrowedHandle borrowed = BorrowedHandle.Of(file);
        FileStatus.SetModifyTime(borrowed.File, time);
    }

    public void ProtectMapped(IDiskFile file, long offset, long countBytes) => file.BeginWriteback(offset, countBytes);

    public bool MayBeWritten(ContainerId id)
    {
        using IDiskFile file = _disk.Open(NameOf(id), DiskOpenMode.Read);
        return file.Handle is not { } handle || WriterCheck.MayBeWritten(handle);
    }

    public DiskSpace GetSpace() => _disk.GetSpace();

    private static string FolderOf(byte low) => $"{Folder}/{low:x2}";
}
