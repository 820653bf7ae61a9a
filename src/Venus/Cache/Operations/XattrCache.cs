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
