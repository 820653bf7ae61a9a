using System.IO.MemoryMappedFiles;
using Afs.Venus.Vfs;

namespace Afs.Venus.Hosting;

/// <summary>
/// Records in a file that is mapped into memory, so that each is kept with one store, and is there after a crash of this process. A crash of the machine
/// ends the mount too.
/// </summary>
internal sealed unsafe class MappedRecords : IRecordArray, IDisposable
{
    private const int ChunkBytes = 1 << 20;

    private readonly FileStream _file;
    private readonly int _recordBytes;
    private readonly List<(MemoryMappedFile Map, MemoryMappedViewAccessor View)> _maps = [];

    /// <summary>Where each chunk begins. Replaced as a whole, since others read it meanwhile.</summary>
    private nint[] _chunks = [];

    private MappedRecords(FileStream file, int recordBytes) => (_file, _recordBytes) = (file, recordBytes);

    public int Count => (int)(_file.Length / _recordBytes);

    /// <exception cref="IOException">The disk is full or failed.</exception>
    public static MappedRecords Open(string path, int recordBytes, bool isNew)
    {
        var file = new FileStream(path, isNew ? FileMode.Create : FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 1);
        var records = new MappedRecords(file, recordBytes);
        for (long chunk = 0; chunk < file.Length / ChunkBytes; chunk++)
            records.MapNext();
        return records;
    }

    public Span<byte> At(int index)
    {
        long offset = (long)index * _recordBytes;
        int chunk = (int)(offset / ChunkBytes);
        while (chunk >= _chunks.Length)
        {
            _file.SetLength((long)(_chunks.Length + 1) * ChunkBytes);
            MapNext();
        }

        return new Span<byte>((byte*)_chunks[chunk] + offset % ChunkBytes, _recordBytes);
    }

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
