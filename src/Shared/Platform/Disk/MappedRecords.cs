using System.IO.MemoryMappedFiles;

namespace Afs.Platform;

/// <summary>Memory that outlives the process: records of one length, zero until they are written. It grows as it is used, and what was given never moves.</summary>
public interface IRecordArray
{
    /// <summary>Records that there is room for.</summary>
    int Count { get; }

    /// <summary>One record. Calls are never concurrent: the owner of what is recorded locks.</summary>
    /// <exception cref="DiskException">It would be the first of a new part, and the disk has no room for that.</exception>
    Span<byte> At(int index);
}

/// <summary>
/// Records in a file that is mapped into memory, so that each is kept with one store, and is there after a crash of this process. A loss of power
/// leaves each of its pages as of some time before.
/// INVARIANT: the disk has room for all that is mapped. A store to a page without it would end the process (SIGBUS), so the file is allocated before it is
/// mapped, a chunk ahead of its use: on a full disk what needs a record more is refused, and nothing else.
/// </summary>
public sealed unsafe class MappedRecords : IRecordArray, IDisposable
{
    private const int ChunkBytes = 1 << 20;

    private readonly FileStream _file;
    private readonly int _recordBytes;
    private readonly List<(MemoryMappedFile Map, MemoryMappedViewAccessor View)> _maps = [];

    /// <summary>Where each chunk begins. Replaced as a whole, since others read it meanwhile.</summary>
    private nint[] _chunks = [];

    /// <summary>The chunk after the last one was asked for, and refused: it is asked for again when it is needed.</summary>
    private bool _isAheadRefused;

    /// <summary>Chunks that somebody asked for. The one that was allocated ahead isn't among them: who reads all records must not make more by reading.</summary>
    private int _asked;

    private MappedRecords(FileStream file, int recordBytes) => (_file, _recordBytes) = (file, recordBytes);

    public int Count => (int)((long)Volatile.Read(ref _asked) * ChunkBytes / _recordBytes);

    /// <param name="isNew">Whatever is there goes first.</param>
    /// <exception cref="IOException">The disk failed.</exception>
    /// <exception cref="DiskException">There is no room for the first chunk.</exception>
    public static MappedRecords Open(string path, int recordBytes, bool isNew)
    {
        var file = new FileStream(path, isNew ? FileMode.Create : FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 1);
        var records = new MappedRecords(file, recordBytes);
        for (long chunk = 0; chunk < file.Length / ChunkBytes; chunk++)
            records.MapNext();
        try
        {
            if (records._chunks.Length == 0)
                records.Grow();
            records._asked = records.FindAsked();
            return records;
        }
        catch (DiskException)
        {
            records.Dispose();
            throw;
        }
    }

    public Span<byte> At(int index)
    {
        long offset = (long)index * _recordBytes;
        int chunk = (int)(offset / ChunkBytes);
        while (chunk >= _chunks.Length)
            Grow();
        if (chunk >= _asked)
            Volatile.Write(ref _asked, chunk + 1);
        if (chunk == _chunks.Length - 1 && !_isAheadRefused)
            GrowAhead();
        return new Span<byte>((byte*)_chunks[chunk] + offset % ChunkBytes, _recordBytes);
    }

    /// <summary>Nothing that <see cref="At"/> gave may be used any more.</summary>
    public void Dispose()
    {
        foreach ((MemoryMappedFile map, MemoryMappedViewAccessor view) in _maps)
        {
            view.SafeMemoryMappedViewHandle.ReleasePointer();
            view.Dispose();
            map.Dispose();
        }

        _file.Dispose();
    }

    /// <summary>Without what a predecessor allocated ahead and never used.</summary>
    private int FindAsked()
    {
        int asked = _chunks.Length;
        while (asked > 1 && !new ReadOnlySpan<byte>((byte*)_chunks[asked - 1], ChunkBytes).ContainsAnyExcept((byte)0))
            asked--;
        return asked;
    }

    private void Grow()
    {
        FileExtents.Extend(_file.Name, _file.SafeFileHandle, (long)(_chunks.Length + 1) * ChunkBytes);
        MapNext();
        _isAheadRefused = false;
    }

    private void GrowAhead()
    {
        try
        {
            Grow();
        }
        catch (DiskException)
        {
            _isAheadRefused = true;
        }
    }

    private void MapNext()
    {
        MemoryMappedFile map = MemoryMappedFile.CreateFromFile(
            _file, mapName: null, capacity: 0, MemoryMappedFileAccess.ReadWrite, HandleInheritability.None, leaveOpen: true);
        MemoryMappedViewAccessor view = map.CreateViewAccessor((long)_chunks.Length * ChunkBytes, ChunkBytes);
        byte* start = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        _maps.Add((map, view));
        Volatile.Write(ref _chunks, [.. _chunks, (nint)(start + view.PointerOffset)]);
    }
}
