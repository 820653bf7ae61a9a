using System.Globalization;
using System.Runtime.CompilerServices;
using Afs.Platform;
using Afs.Vice.Service;

namespace Afs.Vice.Volumes.Content;

/// <summary>
/// Contents as files of a disk, docs/disk-format.md. What is being written is under <c>uploads/</c>; it is fsynced, renamed to its name, and its folder is fsynced, before it is complete.
/// Everything that waits for the disk does so on the threads that are there for it.
/// </summary>
/// <param name="room">What a content may take as it grows; null: nobody writes.</param>
public sealed class FileContentStore(IDisk disk, Room? room, DiskThreads threads) : IContentStore
{
    /// <summary>Made when a folder is first served from.</summary>
    public const string ContentFolder = "content";

    private const string UploadFolder = "uploads";
    private const int Folders = 256;

    /// <summary>For reading and deleting, by callers that wait for the disk themselves.</summary>
    public static FileContentStore Of(IDisk disk) => new(disk, null, DiskThreads.Inline);

    /// <summary>For a life of the server: makes the folders, and throws away what an earlier life was writing.</summary>
    /// <exception cref="DiskException">The disk failed.</exception>
    public static FileContentStore Begin(IDisk disk, Room room, DiskThreads threads)
    {
        disk.CreateDirectory(UploadFolder);
        for (int i = 0; i < Folders; i++)
            disk.CreateDirectory($"{ContentFolder}/{i:x2}");
        disk.SyncDirectory(ContentFolder);
        disk.SyncDirectory(".");
        var store = new FileContentStore(disk, room, threads);
        store.Tidy();
        return store;
    }

    /// <summary>Throws away what an earlier life was writing. Nobody writes.</summary>
    /// <exception cref="DiskException">The disk failed.</exception>
    public void Tidy()
    {
        foreach (string name in disk.List(UploadFolder).ToList())
            disk.Delete($"{UploadFolder}/{name}");
    }

    public async ValueTask<IContentWriter> CreateAsync(ObjectId id, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        if (room is null)
            throw new InvalidOperationException("This store is for reading.");
        IDiskFile file = await threads.Writes.RunAsync(() =>
        {
            room.Require();
            return disk.Open(UploadName(id), DiskOpenMode.CreateNew);
        });
        return new FileContentWriter(disk, file, UploadName(id), Name(id), FolderOf(id), room, threads);
    }

    public async ValueTask<IContent> OpenAsync(ObjectId id, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        return await threads.Reads.RunAsync(() =>
        {
            IDiskFile file = disk.Open(Name(id), DiskOpenMode.Read);
            return new FileContent(file, id, file.LengthBytes, threads.Reads);
        });
    }

    public async ValueTask<bool> DeleteAsync(ObjectId id, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        return await threads.Syncs.RunAsync(() => disk.Delete(Name(id)));
    }

    /// <summary>A folder at a time. Files with other names are none.</summary>
    public async IAsyncEnumerable<IReadOnlyList<ObjectId>> ListAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        for (int folder = 0; folder < Folders; folder++)
        {
            cancellation.ThrowIfCancellationRequested();
            yield return await threads.Syncs.RunAsync(() => List($"{ContentFolder}/{folder:x2}"));
        }
    }

    public async ValueTask<DiskSpace> GetSpaceAsync(CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        return await threads.Metadata.RunAsync(disk.GetSpace);
    }

    private List<ObjectId> List(string folder)
    {
        List<ObjectId> ids = [];
        foreach (string name in disk.List(folder))
        {
            if (ulong.TryParse(name, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong value) && Name(new(value)) == $"{folder}/{name}")
                ids.Add(new ObjectId(value));
        }
        return ids;
    }

    private static string FolderOf(ObjectId id) => $"{ContentFolder}/{id.Value % Folders:x2}";

    private static string Name(ObjectId id) => $"{FolderOf(id)}/{id}";

    private static string UploadName(ObjectId id) => $"{UploadFolder}/{id}";
}

/// <summary>An open content file.</summary>
/// <param name="work">Where its reads wait for the disk, and its end: what closes a deleted content frees its room.</param>
internal sealed class FileContent(IDiskFile file, ObjectId id, long lengthBytes, IBlockingWork work) : IContent
{
    public long LengthBytes => lengthBytes;

    /// <summary>Belongs to this; for who is on a thread that may wait for the disk.</summary>
    public IDiskFile File => file;

    public ValueTask ReadAsync(ReadOnlyMemory<ContentRange> ranges, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        return new ValueTask(work.RunAsync(() => Read(ranges.Span)));
    }

    public async ValueTask<IReadOnlyList<DataRun>> FindDataAsync(long offset, int most, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        return await work.RunAsync(() => FindData(offset, most));
    }

    public async ValueTask DisposeAsync() => await work.RunAsync(() =>
    {
        file.Dispose();
        return true;
    });

    private bool Read(ReadOnlySpan<ContentRange> ranges)
    {
        foreach (ContentRange range in ranges)
        {
            int count = file.Read(range.OffsetBytes, range.Destination.Span);
            if (count != range.Destination.Length)
                throw new DiskException(DiskFailure.Failed, $"The content {id} ends at {range.OffsetBytes + count}.");
        }
        return true;
    }

    private List<DataRun> FindData(long offset, int most)
    {
        List<DataRun> runs = [];
        for (DataRun run = file.NextData(offset); !run.IsEmpty; run = file.NextData(run.EndBytes))
        {
            runs.Add(run);
            if (runs.Count == most)
                break;
        }
        return runs;
    }
}

/// <summary>A content file as it is written. Its name comes with its end.</summary>
internal sealed class FileContentWriter(IDisk disk, IDiskFile file, string uploadName, string name, string folder, Room room, DiskThreads threads) : IContentWriter
{
    private readonly EarlyWriteback _writeback = new(file, threads.Syncs);
    private bool _isOver;
    private bool _isNamed;

    public long LengthBytes { get; private set; }

    public async ValueTask AppendAsync(ReadOnlyMemory<ContentPiece> pieces, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        await _writeback.AdvanceAsync(LengthBytes);
        LengthBytes = await threads.Writes.RunAsync(() => Append(pieces.Span));
    }

    public async ValueTask CompleteAsync(CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        await _writeback.EndAsync();
        await threads.Syncs.RunAsync(Complete);
        _isOver = true;
    }

    public async ValueTask DisposeAsync()
    {
        if (_isOver)
            return;
        _isOver = true;
        await _writeback.SettleAsync();
        await threads.Writes.RunAsync(Discard);
    }

    /// <summary>What is there of it after a failure is written over, or goes with the file.</summary>
    private long Append(ReadOnlySpan<ContentPiece> pieces)
    {
        room.Require();
        long offset = LengthBytes;
        foreach (ContentPiece piece in pieces)
        {
            if (piece.Source is not null)
                file.CopyFrom(((FileContent)piece.Source).File, offset, piece.LengthBytes);
            else
                SparseWrite.Run(file, offset, piece.Data.Span);
            offset += piece.LengthBytes;
        }
        return offset;
    }

    /// <summary>The length first, for the content may end in a hole.</summary>
    private bool Complete()
    {
        file.SetLength(LengthBytes);
        file.Sync();
        disk.Rename(uploadName, name);
        _isNamed = true;
        disk.SyncDirectory(folder);
        file.Dispose();
        return true;
    }

    private bool Discard()
    {
        file.Dispose();
        return disk.Delete(_isNamed ? name : uploadName);
    }
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
