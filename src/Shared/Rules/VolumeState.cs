using Afs.Wire;

namespace Afs.Rules;

/// <summary>
/// What the rules of a volume read and write: at the server its transaction. Whoever runs the same rules on the same state gets the same statuses, versions
/// included, whoever he is.
/// </summary>
public interface IVolumeState
{
    bool HasVolume(VolumeId volume);

    /// <summary>Null: no such vnode, another life of its number, or an object without a name that is another session's.</summary>
    FetchStatus? Find(Fid fid);

    EntryRecord? FindEntry(Fid directory, byte[] name);

    bool HasEntries(Fid directory);

    IReadOnlyList<Xattr> ReadXattrs(Fid fid);

    /// <summary>A fid that was never given before.</summary>
    Fid Allocate(VolumeId volume);

    /// <summary>Whether the fid may be given to a new object: of a block that whoever makes this change leased, and no number from it on was used.</summary>
    bool MayUse(Fid given);

    /// <summary>That fid is used now, and with it all lower numbers of its block.</summary>
    void Use(Fid given);

    /// <summary>What to throw where an entry stands for something that isn't there, which is against the volume's first invariant.</summary>
    Exception Dangling(EntryRecord entry);

    void PutVnode(FetchStatus status);

    /// <summary>With its content, its xattrs and its being unnamed.</summary>
    void DeleteVnode(Fid fid);

    void PutEntry(Fid directory, EntryRecord entry);

    void DeleteEntry(Fid directory, byte[] name);

    void PutXattr(Fid fid, byte[] name, byte[] value);

    void DeleteXattr(Fid fid, byte[] name);

    /// <summary>It has no name, and is of the session whose mutation this is.</summary>
    void PutUnnamed(Fid fid);

    /// <summary>It has a name now.</summary>
    void DeleteUnnamed(Fid fid);

    /// <summary>The volume changed, once for each mutation: so many vnodes came and went.</summary>
    void Count(VolumeId volume, ulong made, ulong gone);
}

/// <summary>A name in a directory and what it stands for.</summary>
public sealed record EntryRecord(VnodeNumber Directory, byte[] Name, Fid Target, FileType Type);

/// <summary>Which directories are above which, for a rename that would put one below itself.</summary>
public interface IAncestry
{
    /// <summary>True: <paramref name="candidate"/> is <paramref name="directory"/> or above it.</summary>
    bool Includes(Fid directory, Fid candidate);

    /// <summary>The directory moves into another one.</summary>
    void Moves(Fid directory);
}

/// <summary>Names are bytes, and equal if all their bytes are.</summary>
public sealed class NameComparer : IEqualityComparer<byte[]>
{
    public static readonly NameComparer Instance = new();

    public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

    public int GetHashCode(byte[] name)
    {
        var hash = new HashCode();
        hash.AddBytes(name);
        return hash.ToHashCode();
    }
}
