using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// Xattrs of vnodes that have some, each at one version of them. They are believed where that is the version that a promised status says. Bounded; full, it is
/// emptied, since few files have any.
/// </summary>
internal sealed class XattrCache
{
    private const int MostVnodes = 16384;

    /// <summary>Names and values of all of them.</summary>
    private const long MostBytes = 64 << 20;

    private readonly Lock _lock = new();
    private readonly Dictionary<Fid, (StatusVersion Version, IReadOnlyList<Xattr> Xattrs)> _cached = [];
    private long _bytes;

    public bool TryGet(FetchStatus status, out IReadOnlyList<Xattr> xattrs)
    {
        lock (_lock)
        {
            bool found = _cached.TryGetValue(status.Fid, out (StatusVersion Version, IReadOnlyList<Xattr> Xattrs) cached)
                && cached.Version == VersionOf(status);
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
        Result<IReadOnlyList<Xattr>> edited = XattrList.Edit(known, name, XattrList.Kept(name, value), XattrMode.CreateOrReplace);
        if (edited.IsSuccess)
            Put(after, edited.Value);
    }

    /// <summary>The same of its own chmod, which changes an access list.</summary>
    public void FollowMode(FetchStatus before, FetchStatus after)
    {
        if (after.StatusVersion == before.StatusVersion.Next && after.Lists.HasFlag(AccessLists.Access) && TryGet(before, out IReadOnlyList<Xattr> known))
            Put(after, XattrList.WithMode(known, after.Mode));
    }

    public void Put(FetchStatus status, IReadOnlyList<Xattr> xattrs)
    {
        lock (_lock)
        {
            if (_cached.Remove(status.Fid, out (StatusVersion Version, IReadOnlyList<Xattr> Xattrs) before))
                _bytes -= XattrList.BytesOf(before.Xattrs);
            long bytes = XattrList.BytesOf(xattrs);
            if (_cached.Count >= MostVnodes || _bytes + bytes > MostBytes)
                Empty();
            _cached.Add(status.Fid, (VersionOf(status), xattrs));
            _bytes += bytes;
        }
    }

    /// <summary>What is known of one is of a version that never was.</summary>
    public void Remove(Fid fid)
    {
        lock (_lock)
        {
            if (_cached.Remove(fid, out (StatusVersion Version, IReadOnlyList<Xattr> Xattrs) known))
                _bytes -= XattrList.BytesOf(known.Xattrs);
        }
    }

    /// <summary>They belong to another incarnation of the volume.</summary>
    public void Clear()
    {
        lock (_lock)
            Empty();
    }

    private void Empty()
    {
        _cached.Clear();
        _bytes = 0;
    }

    /// <summary>What a status that says none leaves is that of any change.</summary>
    private static StatusVersion VersionOf(FetchStatus status) => status.XattrsVersion == default ? status.StatusVersion : status.XattrsVersion;
}

/// <summary>What setxattr(2) and removexattr(2) make of a list of xattrs.</summary>
internal static class XattrList
{
    /// <param name="value">Null removes.</param>
    public static Result<IReadOnlyList<Xattr>> Edit(IReadOnlyList<Xattr> xattrs, byte[] name, byte[]? value, XattrMode mode)
    {
        bool exists = xattrs.Any(xattr => xattr.Name.AsSpan().SequenceEqual(name));
        if (exists && mode == XattrMode.Create)
            return (Failure)AbortCodes.XattrExists;
        if (!exists && (mode == XattrMode.Replace || value is null))
            return (Failure)AbortCodes.NoXattr;
        List<Xattr> edited = [.. xattrs.Where(xattr => !xattr.Name.AsSpan().SequenceEqual(name))];
        if (value is not null)
            edited.Add(new Xattr { Name = name, Value = value });
        return Result<IReadOnlyList<Xattr>>.Of(edited);
    }

    /// <summary>What is kept of a value: of an access list that says no more than a mode nothing is.</summary>
    public static byte[]? Kept(byte[] name, byte[]? value) =>
        value is not null && AccessList.KindOf(name) == AccessLists.Access && AccessList.IsMode(value) ? null : value;

    /// <summary>chmod changes the access list.</summary>
    public static IReadOnlyList<Xattr> WithMode(IReadOnlyList<Xattr> xattrs, uint mode) =>
    [
        .. xattrs.Select(xattr => AccessList.KindOf(xattr.Name) == AccessLists.Access ? xattr with { Value = AccessList.WithMode(xattr.Value, mode) } : xattr),
    ];

    /// <summary>No more than a vnode may have, and none of the access lists is malformed: the kernel is given no other.</summary>
    public static bool AreValid(IReadOnlyList<Xattr> xattrs) =>
        BytesOf(xattrs) <= Limits.XattrTotalBytes && xattrs.All(xattr => AccessList.KindOf(xattr.Name) == AccessLists.None || AccessList.IsValid(xattr.Value));

    /// <summary>Of all names and values.</summary>
    public static long BytesOf(IReadOnlyList<Xattr> xattrs) => xattrs.Sum(static xattr => (long)xattr.Name.Length + xattr.Value.Length);
}
