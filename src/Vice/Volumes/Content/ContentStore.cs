using System.Collections.Concurrent;
using Afs.Platform;
using Afs.Rpc;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace Afs.Vice.Volumes.Content;

/// <summary>
/// Contents that are too large for the metadata, each an immutable file that is never changed once it has its name. A content is
/// complete and on stable storage before the metadata refers to it, and is deleted only after the metadata no longer does; so a crash
/// leaves at worst files that nothing refers to. docs/disk-format.md.
/// </summary>
/// <param name="firstNumber">Of what this life makes.</param>
public sealed class ContentStore(IDisk disk, Epoch epoch, ulong firstNumber = 1)
{
    /// <summary>Made when a folder is first served from.</summary>
    public const string ContentFolder = "content";

    private const string UploadFolder = "uploads";
    private const int Folders = 256;
    private long _lastNumber = (long)firstNumber - 1;

    /// <summary>Makes the folders, and throws away what uploads an earlier life left.</summary>
    /// <exception cref="DiskException">The disk failed.</exception>
    public void Prepare()
    {
        disk.CreateDirectory(UploadFolder);
        for (int i = 0; i < Folders; i++)
            disk.CreateDirectory($"{ContentFolder}/{i:x2}");
        disk.SyncDirectory(ContentFolder);
        disk.SyncDirectory(".");
        foreach (string name in disk.List(UploadFolder).ToList())
            disk.Delete($"{UploadFolder}/{name}");
    }

    /// <summary>A file to write a new content into. It has no name yet that outlives a crash.</summary>
    public (ObjectId Id, IDiskFile File) Create()
    {
        ulong number = (ulong)Interlocked.Increment(ref _lastNumber);
        if (number > ObjectId.MostNumber)
            throw new DiskException(DiskFailure.Failed, "This life of the server has used all its numbers of contents: restart it.");
        ObjectId id = ObjectId.Make(epoch, number);
        return (id, disk.Open(UploadName(id), DiskOpenMode.CreateNew));
    }

    /// <summary>The file's content is complete: it is on stable storage under its name when this returns.</summary>
    public void Keep(ObjectId id, IDiskFile file)
    {
        file.Sync();
        disk.Rename(UploadName(id), Name(id));
        disk.SyncDirectory(FolderOf(id));
    }

    /// <summary>Throws away what <see cref="Create"/> made and nobody kept.</summary>
    public void Discard(ObjectId id) => disk.Delete(UploadName(id));

    /// <summary>A file's content, as one file. It isn't inline.</summary>
    /// <exception cref="DiskException">It is missing or damaged.</exception>
    public IDiskFile Open(ContentRecord content)
    {
        IDiskFile file = content.Data is { } patch ? new BytesFile(patch) : Open(content.Object);
        if (content.Base == ObjectId.None)
            return file;
        try
        {
            return PatchedFile.Open(file, Open(content.Base), content.Base);
        }
        catch (DiskException)
        {
            file.Dispose();
            throw;
        }
    }

    public bool Exists(ObjectId id) => disk.Exists(Name(id));

    /// <summary>Who has it open reads on.</summary>
    public bool Delete(ObjectId id) => disk.Delete(Name(id));

    public DiskSpace Space() => disk.GetSpace();

    /// <summary>All contents in one of the store's folders, from 0 to 255. Files with other names are none.</summary>
    public IEnumerable<ObjectId> List(int folder)
    {
        foreach (string name in disk.List($"{ContentFolder}/{folder:x2}"))
        {
            if (ulong.TryParse(name, System.Globalization.NumberStyles.AllowHexSpecifier, null, out ulong value) && Name(new(value)) == $"{ContentFolder}/{folder:x2}/{name}")
                yield return new ObjectId(value);
        }
    }

    /// <summary>The folders' numbers.</summary>
    public static IEnumerable<int> AllFolders => Enumerable.Range(0, Folders);

    private IDiskFile Open(ObjectId id) => disk.Open(Name(id), DiskOpenMode.Read);

    private static string FolderOf(ObjectId id) => $"{ContentFolder}/{id.Value % Folders:x2}";

    private static string Name(ObjectId id) => $"{FolderOf(id)}/{id}";

    private static string UploadName(ObjectId id) => $"{UploadFolder}/{id}";
}

/// <summary>
/// Names one immutable content for ever: the server's life that made it, and a number in that life. So no two are ever the same,
/// and what an earlier life left behind can be told from what this one is making.
/// </summary>
public readonly record struct ObjectId(ulong Value)
{
    private const int NumberBits = 40;

    /// <summary>Numbers of one life: a thousand contents a second for 34 years.</summary>
    public const ulong MostNumber = (1UL << NumberBits) - 1;

    /// <summary>Lives: a restart each minute for 31 years.</summary>
    public const ulong MostEpoch = (1UL << 64 - NumberBits) - 1;

    public static readonly ObjectId None = new(0);

    /// <summary>Never another content's: what doesn't fit throws.</summary>
    public static ObjectId Make(Epoch epoch, ulong number)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(epoch.Value, MostEpoch);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(number, MostNumber);
        return new(epoch.Value << NumberBits | number);
    }

    /// <summary>
    /// The life that made it. Of an id as programs before metadata format 4 made it, with 32 bits for each, it is lower than the true one, and so
    /// lower than that of any life since.
    /// </summary>
    public Epoch Epoch => new(Value >> NumberBits);

    public override string ToString() => Value.ToString("x16");
}

/// <summary>A version of a file's content that differs from the one before it in these extents only; it may be longer.</summary>
public sealed record ContentChange(DataVersion Before, DataVersion Version, IReadOnlyList<Extent> Extents);

/// <summary>
/// Which extents the latest stores of parts changed, so that a client that has a recent version fetches only those. In memory, bounded over all files;
/// what is forgotten costs a whole fetch. Safe for concurrent use.
/// </summary>
/// <param name="capacity">Extents kept, of all files together. A change counts for one more than it has, for it may have none.</param>
public sealed class ContentLog(int capacity)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<Fid, List<ContentChange>> _changes = [];
    private readonly Queue<(Fid Fid, ContentChange Change)> _order = new();
    private int _extents;

    /// <summary>What is kept counts for so many extents.</summary>
    public int Size
    {
        get
        {
            lock (_lock)
                return _extents;
        }
    }

    /// <summary>A store made a version that differs from the one before it in these extents. Stores come in the order of their commits.</summary>
    public void Append(Fid fid, ContentChange change)
    {
        lock (_lock)
        {
            if (!_changes.TryGetValue(fid, out List<ContentChange>? changes))
                _changes.Add(fid, changes = []);
            changes.Add(change);
            _order.Enqueue((fid, change));
            _extents += Count(change);
            while (_extents > capacity)
                ForgetOldest();
        }
    }

    /// <summary>In what the current version differs from an older one that may be shorter; null where that isn't known.</summary>
    public IReadOnlyList<Extent>? Between(Fid fid, DataVersion have, DataVersion current, long lengthBytes)
    {
        List<(long Start, long End)> ranges = [];
        lock (_lock)
        {
            if (!_changes.TryGetValue(fid, out List<ContentChange>? changes))
                return null;
            DataVersion reached = current;
            for (int i = changes.Count - 1; i >= 0 && reached != have; i--)
            {
                // The log may be ahead of the view that current was read in.
                if (changes[i].Version != reached)
                    continue;
                ranges.AddRange(changes[i].Extents.Select(static e => (e.OffsetBytes, e.EndBytes)));
                reached = changes[i].Before;
            }
            if (reached != have)
                return null;
        }
        ranges.Sort();
        return Extents.Cover(ranges, lengthBytes);
    }

    private void ForgetOldest()
    {
        (Fid fid, ContentChange change) = _order.Dequeue();
        _extents -= Count(change);
        List<ContentChange> changes = _changes[fid];
        changes.Remove(change);
        if (changes.Count == 0)
            _changes.Remove(fid);
    }

    /// <summary>INVARIANT: what is counted is what there is, within the bound; each change of a file begins where the one before it ended, or later.</summary>
    public void CheckInvariants()
    {
        lock (_lock)
        {
            int extents = _changes.Values.Sum(static changes => changes.Sum(Count));
            if (extents != _extents || extents > capacity || _order.Count != _changes.Values.Sum(static changes => changes.Count))
                throw new InvalidOperationException($"Content log: {extents} extents, {_extents} are counted; {_order.Count} changes are in line.");
            foreach ((Fid fid, List<ContentChange> changes) in _changes)
            {
                bool isInOrder = changes.Zip(changes.Skip(1)).All(static pair => pair.First.Version.Value <= pair.Second.Before.Value);
                if (changes.Count == 0 || !isInOrder)
                    throw new InvalidOperationException($"Content log: the changes of {fid} are out of order.");
            }
        }
    }

    private static int Count(ContentChange change) => 1 + change.Extents.Count;
}

/// <summary>
/// Contents that nothing refers to any more, on their way off the disk. Deleting a large file takes long, so it is done one after the
/// other where it blocks nobody. Whatever isn't deleted is found at the next start.
/// </summary>
public sealed partial class RetiredContents(ContentStore store, IBlockingWork work, ILogger log)
{
    private readonly ConcurrentQueue<ObjectId> _waiting = new();
    private int _isDraining;

    /// <summary>Those that still wait.</summary>
    public int Count => _waiting.Count;

    public void Add(IReadOnlyList<ObjectId> objects)
    {
        if (objects.Count == 0)
            return;
        foreach (ObjectId id in objects)
            _waiting.Enqueue(id);
        if (Interlocked.Exchange(ref _isDraining, 1) == 0)
            BackgroundWork.Start("deleting replaced contents", DrainAsync, LeaveRest);
    }

    private async Task DrainAsync()
    {
        do
        {
            while (_waiting.TryDequeue(out ObjectId id))
                await work.RunAsync(() => Delete(id));
            Volatile.Write(ref _isDraining, 0);
        }
        while (!_waiting.IsEmpty && Interlocked.Exchange(ref _isDraining, 1) == 0);
    }

    /// <summary>What isn't deleted is found at the next start; what is added from here on is tried again.</summary>
    private void LeaveRest(string name, Exception e)
    {
        LogLeft(log, e.Message);
        Volatile.Write(ref _isDraining, 0);
    }

    private bool Delete(ObjectId id)
    {
        try
        {
            return store.Delete(id);
        }
        catch (DiskException e)
        {
            LogLeft(log, e.Message);
            return false;
        }
    }

    [LoggerMessage(EventId = 2003, Level = LogLevel.Warning, Message = "A replaced content stays until the next start: {Reason}")]
    private static partial void LogLeft(ILogger log, string reason);
}

/// <summary>Deletes contents that an earlier life of the server left and that nothing refers to. Runs while the server serves.</summary>
public sealed class OrphanSweep(IMetadataStore metadata, ContentStore store, Epoch epoch)
{
    /// <summary>How many were deleted.</summary>
    public int Run()
    {
        HashSet<ObjectId> referred;
        using (IMetadataView view = metadata.OpenView())
            referred = [.. view.ReadObjects()];
        int deleted = 0;
        foreach (int folder in ContentStore.AllFolders)
        {
            foreach (ObjectId id in store.List(folder).ToList())
            {
                // What this life made may be about to be referred to; it takes care of that itself.
                if (id.Epoch.Value < epoch.Value && !referred.Contains(id) && store.Delete(id))
                    deleted++;
            }
        }
        return deleted;
    }
}

/// <summary>Bytes of the metadata, read as if they were a file of the content store.</summary>
internal sealed class BytesFile(byte[] bytes) : IDiskFile
{
    public long LengthBytes => bytes.Length;

    public SafeFileHandle? Handle => null;

    public int Read(long offset, Span<byte> destination)
    {
        int count = (int)Math.Clamp(bytes.Length - offset, 0, destination.Length);
        bytes.AsSpan((int)Math.Min(offset, bytes.Length), count).CopyTo(destination);
        return count;
    }

    public void Write(long offset, ReadOnlySpan<byte> data) => throw Immutable();

    public void SetLength(long lengthBytes) => throw Immutable();

    public void Sync() => throw Immutable();

    public void CheckWritten() => throw Immutable();

    public void Dispose()
    {
    }

    private static InvalidOperationException Immutable() => new("A content never changes.");
}

/// <summary>Writes a new content from its beginning to its end, leaves holes where it is zero, and sums it up.</summary>
internal sealed class SparseWriter(IDiskFile file)
{
    private Crc32C _crc;

    public long LengthBytes { get; private set; }

    public uint Crc32C => _crc.Value;

    public void Append(ReadOnlySpan<byte> data)
    {
        _crc.Add(data);
        SparseWrite.Run(file, LengthBytes, data);
        LengthBytes += data.Length;
    }

    /// <summary>The length, where the content ends in a hole.</summary>
    public void Finish() => file.SetLength(LengthBytes);
}

/// <summary>
/// Begins to write an upload to the disk while the rest of it comes, so that the fsync at its end finds little left. One step at a time, beside what
/// receives: an upload that is faster than the disk waits for it.
/// </summary>
internal sealed class EarlyWriteback(IDiskFile file, IBlockingWork work)
{
    private const long StepBytes = 8L << 20;

    private Task<bool> _running = Task.FromResult(true);
    private long _begunBytes;

    /// <summary>All up to here is written to the file.</summary>
    /// <exception cref="DiskException">The disk failed.</exception>
    public ValueTask AdvanceAsync(long writtenBytes) => writtenBytes - _begunBytes < StepBytes ? ValueTask.CompletedTask : BeginAsync(writtenBytes);

    /// <summary>Nothing of it runs any more.</summary>
    /// <exception cref="DiskException">The disk failed.</exception>
    public async ValueTask EndAsync() => await _running;

    /// <summary>As <see cref="EndAsync"/>, for an upload that nobody wants any more: how it ends doesn't matter. The file may be closed then.</summary>
    public async ValueTask SettleAsync() => await ((Task)_running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);

    private async ValueTask BeginAsync(long writtenBytes)
    {
        await _running;
        (long from, long count) = (_begunBytes, writtenBytes - _begunBytes);
        _begunBytes = writtenBytes;
        _running = work.RunAsync(() =>
        {
            file.BeginWriteback(from, count);
            return true;
        });
    }
}
