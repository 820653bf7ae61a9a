using Afs.Wire;

namespace Afs.Venus.Cache;

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
}
