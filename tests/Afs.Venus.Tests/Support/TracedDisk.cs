using Afs.Platform;
using Microsoft.Win32.SafeHandles;

namespace Afs.Venus.Tests;

/// <summary>What was done to a disk. <see cref="Acknowledgement"/> is the test's own mark.</summary>
internal abstract record DiskChange
{
    public sealed record Write(MemoryFile File, long At, byte[] Data) : DiskChange;

    public sealed record Cut(MemoryFile File, long LengthBytes) : DiskChange;

    public sealed record Sync(MemoryFile File) : DiskChange;

    /// <summary>A sync failed, and what it was for is lost: the kernel takes it for written.</summary>
    public sealed record LostSync(MemoryFile File) : DiskChange;

    public sealed record Name(string At, MemoryFile? File) : DiskChange;

    public sealed record SyncNames : DiskChange;

    public sealed record Acknowledgement(int Number) : DiskChange;
}

/// <summary>The content of a file in memory.</summary>
internal sealed class MemoryFile
{
    private byte[] _bytes = [];

    public int LengthBytes { get; private set; }

    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, LengthBytes);

    public MemoryFile Copy() => new() { _bytes = Bytes.ToArray(), LengthBytes = LengthBytes };

    public void Write(long at, ReadOnlySpan<byte> data)
    {
        if (at + data.Length > LengthBytes)
            SetLength(at + data.Length);
        data.CopyTo(_bytes.AsSpan((int)at));
    }

    public void SetLength(long lengthBytes)
    {
        if (lengthBytes > _bytes.Length)
            Array.Resize(ref _bytes, (int)Math.Max(lengthBytes, 2L * _bytes.Length));
        if (lengthBytes < LengthBytes)
            _bytes.AsSpan((int)lengthBytes, LengthBytes - (int)lengthBytes).Clear();
        LengthBytes = (int)lengthBytes;
    }
}

/// <summary>A disk of one folder, in memory, that keeps a list of all that is done to it.</summary>
internal sealed class TracedDisk : IDisk
{
    private readonly Dictionary<string, MemoryFile> _names;

    public TracedDisk()
        : this([])
    {
    }

    public TracedDisk(Dictionary<string, MemoryFile> names) => _names = names;

    public List<DiskChange> Changes { get; } = [];

    /// <summary>Syncs of files whose names end so are lies.</summary>
    public string? LiesAbout { get; init; }

    /// <summary>The next sync fails, and loses what it was for.</summary>
    public bool FailsNextSync { get; set; }

    /// <summary>What is on it.</summary>
    public IReadOnlyDictionary<string, MemoryFile> Names => _names;

    public IDiskFile Open(string name, DiskOpenMode mode)
    {
        lock (_names)
            return OpenAlone(name, mode);
    }

    public bool Exists(string name)
    {
        lock (_names)
            return _names.ContainsKey(name);
    }

    public void Rename(string from, string to)
    {
        lock (_names)
        {
            MemoryFile file = _names[from];
            SetName(to, file);
            SetName(from, null);
        }
    }

    public bool Delete(string name)
    {
        lock (_names)
        {
            bool isThere = _names.ContainsKey(name);
            if (isThere)
                SetName(name, null);
            return isThere;
        }
    }

    public void CreateDirectory(string name)
    {
    }

    public IEnumerable<string> List(string directory)
    {
        lock (_names)
            return [.. _names.Keys];
    }

    public void SyncDirectory(string directory) => Note(new DiskChange.SyncNames());

    public DiskSpace GetSpace() => new(long.MaxValue, long.MaxValue);

    private void Note(DiskChange change)
    {
        lock (Changes)
            Changes.Add(change);
    }

    private OpenFile OpenAlone(string name, DiskOpenMode mode)
    {
        bool isThere = _names.TryGetValue(name, out MemoryFile? file);
        if (isThere && mode == DiskOpenMode.CreateNew)
            throw new DiskException(DiskFailure.Exists, name);
        if (!isThere && mode is DiskOpenMode.Read or DiskOpenMode.ReadWrite && file is null)
            throw new DiskException(DiskFailure.NotFound, name);
        if (file is null)
            SetName(name, file = new MemoryFile());
        return new OpenFile(this, file, LiesAbout is { } end && name.EndsWith(end, StringComparison.Ordinal));
    }

    private void SetName(string name, MemoryFile? file)
    {
        if (file is null)
            _names.Remove(name);
        else
            _names[name] = file;
        Note(new DiskChange.Name(name, file));
    }

    private sealed class OpenFile(TracedDisk disk, MemoryFile file, bool isLie) : IDiskFile
    {
        public long LengthBytes => file.LengthBytes;

        public SafeFileHandle? Handle => null;

        public int Read(long offset, Span<byte> destination)
        {
            int count = (int)Math.Clamp(file.LengthBytes - offset, 0, destination.Length);
            if (count > 0)
                file.Bytes.Slice((int)offset, count).CopyTo(destination);
            return count;
        }

        public void Write(long offset, ReadOnlySpan<byte> data)
        {
            file.Write(offset, data);
            disk.Note(new DiskChange.Write(file, offset, data.ToArray()));
        }

        public void SetLength(long lengthBytes)
        {
            file.SetLength(lengthBytes);
            disk.Note(new DiskChange.Cut(file, lengthBytes));
        }

        public void Sync()
        {
            if (disk.FailsNextSync)
            {
                disk.FailsNextSync = false;
                disk.Note(new DiskChange.LostSync(file));
                throw new DiskException(DiskFailure.Failed, "It fails as the test says.");
            }
            if (!isLie)
                disk.Note(new DiskChange.Sync(file));
        }

        public void CheckWritten()
        {
        }

        public void Dispose()
        {
        }
    }
}
