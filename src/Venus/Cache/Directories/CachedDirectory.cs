using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// The entries of one directory at one version. Whether that version is current is not known here: the status of the directory says it.
/// INVARIANT: the names are exactly those of <see cref="Version"/>. This client's own changes are applied in the order of versions; one that
/// comes too early is parked.
/// </summary>
internal sealed class CachedDirectory(Fid fid)
{
    /// <summary>Own changes that wait for one before them. More are not kept: the directory is then brought up to date by a fetch.</summary>
    private const int MostParked = 256;

    private readonly Lock _lock = new();
    private readonly SortedList<ulong, IReadOnlyList<DirectoryChange>> _parked = [];
    private NameTable _names = new();
    private DirectoryListing? _listing;
    private DataVersion _saved, _lookedAt;

    public DataVersion Version { get; private set; }

    /// <summary>Set by use, cleared by the eviction.</summary>
    public bool Used { get; set; }

    public int Count
    {
        get
        {
            lock (_lock)
                return _names.Count;
        }
    }

    /// <summary>What its names take in memory, at most.</summary>
    public long Bytes
    {
        get
        {
            lock (_lock)
                return _names.Bytes;
        }
    }

    public LookupAnswer TryLookup(DataVersion current, ReadOnlySpan<byte> name, out Fid child, out FileType type)
    {
        lock (_lock)
        {
            if (Version != current)
            {
                (child, type) = (default, FileType.None);
                return LookupAnswer.Unknown;
            }
            return _names.TryGet(name, out child, out type) ? LookupAnswer.Found : LookupAnswer.Absent;
        }
    }

    public bool TryGetListing(DataVersion current, Fid parent, out DirectoryListing listing)
    {
        ListedName[] names;
        lock (_lock)
        {
            listing = _listing!;
            if (Version != current)
                return false;
            if (_listing is not null && _listing.Parent == parent)
                return true;
            names = _names.ToArray();
        }
        Array.Sort(names, static (a, b) => a.Name.AsSpan().SequenceCompareTo(b.Name));
        listing = new DirectoryListing(fid, parent, current, names);
        lock (_lock)
        {
            if (Version == current)
                _listing = listing;
        }
        return true;
    }

    /// <summary>Takes a table that nobody else holds.</summary>
    public void Install(NameTable names, DataVersion version)
    {
        lock (_lock)
        {
            if (version.Value < Version.Value)
                return;
            _names = names;
            Advance(version);
        }
    }

    /// <summary>Changes that lead from one version to another. Nothing where the directory has moved on.</summary>
    public void ApplyDelta(DataVersion from, DataVersion to, IReadOnlyList<DirectoryChange> changes)
    {
        lock (_lock)
        {
            if (Version != from)
                return;
            _names.Apply(changes);
            Advance(to);
        }
    }

    /// <summary>A change by this client, which made <paramref name="version"/>.</summary>
    public void ApplyOwn(DataVersion version, IReadOnlyList<DirectoryChange> changes)
    {
        lock (_lock)
        {
            if (Version == DataVersion.None || version.Value <= Version.Value)
                return;
            if (version != Version.Next)
            {
                if (_parked.Count == MostParked)
                    _parked.Clear();
                _parked[version.Value] = changes;
                return;
            }
            _names.Apply(changes);
            Advance(version);
        }
    }

    /// <summary>
    /// The names, to be saved: where they changed since they last were, and not since the last look, or it is the last time.
    /// Null: nothing to save.
    /// </summary>
    public SavedDirectory? TakeUnsaved(bool isLast)
    {
        lock (_lock)
        {
            bool isAtRest = isLast || _lookedAt == Version;
            _lookedAt = Version;
            if (!isAtRest || _saved == Version || Version == DataVersion.None)
                return null;
            _saved = Version;
            return new SavedDirectory(fid, Version, _names.ToArray());
        }
    }

    /// <summary>Takes over what was saved, while nothing else is known.</summary>
    public void Restore(NameTable names, DataVersion version)
    {
        lock (_lock)
        {
            if (Version != DataVersion.None)
                return;
            _names = names;
            (_saved, _lookedAt) = (version, version);
            Advance(version);
        }
    }

    public byte[]? FindName(Fid child)
    {
        lock (_lock)
            return _names.FindName(child);
    }

    private void Advance(DataVersion version)
    {
        Version = version;
        _listing = null;
        while (_parked.Count > 0 && _parked.GetKeyAtIndex(0) <= Version.Next.Value)
        {
            if (_parked.GetKeyAtIndex(0) == Version.Next.Value)
            {
                _names.Apply(_parked.GetValueAtIndex(0));
                Version = Version.Next;
            }
            _parked.RemoveAt(0);
        }
    }

    /// <summary>INVARIANT: without a version nothing is known; what is parked doesn't follow the version; a listing is of this version.</summary>
    public void CheckInvariants()
    {
        lock (_lock)
        {
            bool isUnknown = Version == DataVersion.None && (_names.Count > 0 || _parked.Count > 0);
            bool follows = _parked.Count > 0 && _parked.GetKeyAtIndex(0) <= Version.Next.Value;
            bool isListed = _listing is null || _listing.Version == Version && _listing.Names.Count == _names.Count;
            if (isUnknown || follows || !isListed || _parked.Count > MostParked)
                throw new UnreachableException($"Directory {fid} at version {Version} has {_names.Count} names and {_parked.Count} parked changes.");
        }
    }
}

/// <summary>Names to fids, of one directory. Not safe for concurrent use: its owner locks.</summary>
internal sealed class NameTable
{
    /// <summary>What a name takes beside its own bytes, in a table that has just grown.</summary>
    private const int OverheadBytes = 128;

    private readonly Dictionary<byte[], (Fid Fid, FileType Type)> _names = new(NameComparer.Instance);
    private readonly Dictionary<byte[], (Fid Fid, FileType Type)>.AlternateLookup<ReadOnlySpan<byte>> _lookup;

    public NameTable() => _lookup = _names.GetAlternateLookup<ReadOnlySpan<byte>>();

    public int Count => _names.Count;

    /// <summary>What the names take in memory, at most.</summary>
    public long Bytes { get; private set; }

    public static int BytesOf(byte[] name) => OverheadBytes + name.Length;

    /// <summary>At most: a name may be there already.</summary>
    public static long BytesAddedBy(IReadOnlyList<DirectoryChange> changes) => changes.Sum(static change => change.IsSet ? BytesOf(change.Name) : 0L);

    public bool TryGet(ReadOnlySpan<byte> name, out Fid fid, out FileType type)
    {
        bool found = _lookup.TryGetValue(name, out (Fid Fid, FileType Type) entry);
        (fid, type) = entry;
        return found;
    }

    public void Set(byte[] name, Fid fid, FileType type)
    {
        int before = _names.Count;
        _names[name] = (fid, type);
        if (_names.Count > before)
            Bytes += BytesOf(name);
    }

    public void Apply(IReadOnlyList<DirectoryChange> changes)
    {
        foreach (DirectoryChange change in changes)
        {
            if (change.IsSet)
                Set(change.Name, change.Fid, change.Type);
            else if (_names.Remove(change.Name))
                Bytes -= BytesOf(change.Name);
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

/// <summary>Compares names as bytes; a span is looked up without making an array of it.</summary>
internal sealed class NameComparer : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
{
    public static readonly NameComparer Instance = new();

    public bool Equals(byte[]? x, byte[]? y) => ReferenceEquals(x, y) || (x is not null && y is not null && x.AsSpan().SequenceEqual(y));

    public int GetHashCode([DisallowNull] byte[] obj) => GetHashCode(obj.AsSpan());

    public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();

    public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);

    /// <summary>HashCode is seeded at random by process, so that names can't be chosen to collide.</summary>
    public int GetHashCode(ReadOnlySpan<byte> alternate)
    {
        var hash = new HashCode();
        hash.AddBytes(alternate);
        return hash.ToHashCode();
    }
}

/// <summary>What a name in a server's reply must be, before it reaches a kernel.</summary>
internal static class NameRules
{
    public static bool IsName(ReadOnlySpan<byte> name) =>
        name.Length is > 0 and <= Limits.NameBytes && !name.ContainsAny((byte)'/', (byte)0) && !name.SequenceEqual("."u8) && !name.SequenceEqual(".."u8);

    /// <summary>All of a directory is of its volume: so one mount shows one volume, and a vnode number says which object of it.</summary>
    public static bool AreValid(FetchDirectoryReply reply, Fid directory)
    {
        if (reply.Status.Fid != directory || reply.Status.Type != FileType.Directory)
            return false;
        foreach (DirectoryEntry entry in reply.Entries)
        {
            if (!IsName(entry.Name) || entry.Fid.Volume != directory.Volume || entry.Status is { } status && status.Fid != entry.Fid)
                return false;
        }
        foreach (DirectoryChange change in reply.Changes)
        {
            if (!IsName(change.Name) || change.IsSet && change.Fid.Volume != directory.Volume)
                return false;
        }
        return true;
    }
}
