using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>Names to fids, of one directory. Not safe for concurrent use: its owner locks.</summary>
internal sealed class NameTable
{
    private readonly Dictionary<byte[], (Fid Fid, FileType Type)> _names = new(NameComparer.Instance);
    private readonly Dictionary<byte[], (Fid Fid, FileType Type)>.AlternateLookup<ReadOnlySpan<byte>> _lookup;

    public NameTable() => _lookup = _names.GetAlternateLookup<ReadOnlySpan<byte>>();

    public int Count => _names.Count;

    public bool TryGet(ReadOnlySpan<byte> name, out Fid fid, out FileType type)
    {
        bool found = _lookup.TryGetValue(name, out (Fid Fid, FileType Type) entry);
        (fid, type) = entry;
        return found;
    }

    public void Set(byte[] name, Fid fid, FileType type) => _names[name] = (fid, type);

    public void Apply(IReadOnlyList<DirectoryChange> changes)
    {
        foreach (DirectoryChange change in changes)
        {
            if (change.IsSet)
                Set(change.Name, change.Fid, change.Type);
            else
                _names.Remove(change.Name);
        }
    }

    public byte[]? FindName(Fid fid)
    {
        foreach ((byte[] name, (Fid Fid, FileType Type) entry) in _names)
        {
            if (entry.Fid == fid)
                return name;
        }
        return null;
    }

    /// <summary>In no order.</summary>
    public ListedName[] ToArray()
    {
        var all = new ListedName[_names.Count];
        int i = 0;
        foreach ((byte[] name, (Fid Fid, FileType Type) entry) in _names)
            all[i++] = new ListedName(name, entry.Fid, entry.Type);
        return all;
    }
}
