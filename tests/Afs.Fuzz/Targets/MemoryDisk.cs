using Afs.Platform;

namespace Afs.Fuzz;

/// <summary>A folder in memory.</summary>
internal sealed class MemoryDisk : IDisk
{
    private readonly Dictionary<string, MemoryFile> _files = [];

    public void Put(string name, ReadOnlySpan<byte> content) => _files[name] = new MemoryFile(content.ToArray());

    public IDiskFile Open(string name, DiskOpenMode mode)
    {
        if (_files.TryGetValue(name, out MemoryFile? file))
            return mode == DiskOpenMode.CreateNew ? throw new DiskException(DiskFailure.Exists, name) : file;
        return mode is DiskOpenMode.CreateNew or DiskOpenMode.OpenOrCreate ? _files[name] = new MemoryFile([]) : throw new DiskException(DiskFailure.NotFound, name);
    }

    public bool Exists(string name) => _files.ContainsKey(name);

    public void Rename(string from, string to)
    {
        _files[to] = _files[from];
        _files.Remove(from);
    }

    public bool Delete(string name) => _files.Remove(name);

    public void CreateDirectory(string name)
    {
    }

    public IEnumerable<string> List(string directory) => _files.Keys;

    public void SyncDirectory(string directory)
    {
    }

    public DiskSpace GetSpace() => new(1L << 40, 1L << 40);
}
