using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// Xattrs of vnodes that have some, each at one status version. They are believed where that is the version of a promised status. Bounded; full, it is
/// emptied, since few files have any.
/// </summary>
internal sealed class XattrCache
{
    private const int MostVnodes = 16384;

    private readonly Lock _lock = new();
    private readonly Dictionary<Fid, (StatusVersion Version, IReadOnlyList<Xattr> Xattrs)> _cached = [];

    public bool TryGet(FetchStatus status, out IReadOnlyList<Xattr> xattrs)
    {
        lock (_lock)
        {
            bool found = _cached.TryGetValue(status.Fid, out (StatusVersion Version, IReadOnlyList<Xattr> Xattrs) cached)
                && cached.Version == status.StatusVersion;
            xattrs = found ? cached.Xattrs : [];
            return found;
        }
    }

    /// <summary>
    /// This client's own change of one xattr, where it was the only change of the vnode: what was known before is still known.
    /// So a file's xattrs can be read after its last name is gone.
    /// </summary>
    public void Follow(FetchStatus before, FetchStatus after, byte[] name, byte[]? value)
    {
        if (after.StatusVersion != before.StatusVersion.Next)
            return;
        if (!TryGet(before, out IReadOnlyList<Xattr> known) && before.HasXattrs)
            return;
        Result<IReadOnlyList<Xattr>> edited = XattrList.Edit(known, name, value, XattrMode.CreateOrReplace);
        if (edited.IsSuccess)
            Put(after, edited.Value);
    }

    public void Put(FetchStatus status, IReadOnlyList<Xattr> xattrs)
    {
        lock (_lock)
        {
            if (_cached.Count >= MostVnodes)
                _cached.Clear();
            _cached[status.Fid] = (status.StatusVersion, xattrs);
        }
    }
}
