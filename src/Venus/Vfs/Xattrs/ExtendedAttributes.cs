using Afs.Fuse;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>
/// user.*, security.* and trusted.*. The kernel checks who may (xattr(7)). Access control lists are none of a mode-based filesystem's.
/// </summary>
internal sealed class ExtendedAttributes(VfsMount mount)
{
    private const uint CreateFlag = 1, ReplaceFlag = 2;

    public ValueTask<FuseResult<ReadOnlyMemory<byte>>> Get(Node node, ReadOnlySpan<byte> name, CancellationToken cancellation)
    {
        if (!IsSupported(name))
            return new((FuseResult<ReadOnlyMemory<byte>>)Errno.EOPNOTSUPP);
        bool hasNone = mount.Cache.Statuses.TryGet(node.Fid, out FetchStatus status) && !status.HasXattrs;
        return hasNone ? new((FuseResult<ReadOnlyMemory<byte>>)Errno.ENODATA) : GetAsync(node, name.ToArray(), cancellation);
    }

    public async ValueTask<FuseResult<ReadOnlyMemory<byte>>> ListAsync(Node node, CancellationToken cancellation)
    {
        Result<IReadOnlyList<Xattr>> xattrs = await mount.Cache.Operations.GetXattrsAsync(node.Fid, cancellation);
        if (!xattrs.IsSuccess)
            return xattrs.Failure.ToErrno();
        var names = new byte[xattrs.Value.Sum(x => x.Name.Length + 1)];
        int used = 0;
        foreach (Xattr xattr in xattrs.Value)
        {
            xattr.Name.CopyTo(names, used);
            used += xattr.Name.Length + 1;
        }

        return new ReadOnlyMemory<byte>(names);
    }

    public ValueTask<Errno> Set(Node node, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, uint flags, CancellationToken cancellation)
    {
        if (!IsSupported(name))
            return new(Errno.EOPNOTSUPP);
        if (name.Length > Limits.XattrNameBytes)
            return new(Errno.ERANGE);
        if (value.Length > Limits.XattrValueBytes)
            return new(Errno.E2BIG);
        if ((flags & ~(CreateFlag | ReplaceFlag)) != 0)
            return new(Errno.EINVAL);
        XattrMode mode = flags switch
        {
            CreateFlag => XattrMode.Create,
            ReplaceFlag => XattrMode.Replace,
            _ => XattrMode.CreateOrReplace,
        };
        return StoreAsync(node, name.ToArray(), value.ToArray(), mode, cancellation);
    }

    public ValueTask<Errno> Remove(Node node, ReadOnlySpan<byte> name, CancellationToken cancellation) =>
        IsSupported(name) ? StoreAsync(node, name.ToArray(), null, XattrMode.CreateOrReplace, cancellation) : new(Errno.EOPNOTSUPP);

    private async ValueTask<FuseResult<ReadOnlyMemory<byte>>> GetAsync(Node node, byte[] name, CancellationToken cancellation)
    {
        Result<IReadOnlyList<Xattr>> xattrs = await mount.Cache.Operations.GetXattrsAsync(node.Fid, cancellation);
        if (!xattrs.IsSuccess)
            return xattrs.Failure.ToErrno();
        Xattr? found = xattrs.Value.FirstOrDefault(x => x.Name.AsSpan().SequenceEqual(name));
        return found is null ? Errno.ENODATA : new ReadOnlyMemory<byte>(found.Value);
    }

    private async ValueTask<Errno> StoreAsync(Node node, byte[] name, byte[]? value, XattrMode mode, CancellationToken cancellation) =>
        (await mount.Cache.Operations.SetXattrAsync(node.Fid, name, value, mode, cancellation)).ToErrno();

    private static bool IsSupported(ReadOnlySpan<byte> name) =>
        name.StartsWith("user."u8) || name.StartsWith("security."u8) || name.StartsWith("trusted."u8);
}
