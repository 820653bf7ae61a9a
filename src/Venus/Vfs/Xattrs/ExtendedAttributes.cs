using Afs.Fuse;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>
/// user.*, security.* and trusted.*, and the two access lists of POSIX. The kernel checks who may use an xattr (xattr(7)). It also reads the access lists, to check permissions by them
/// (fs/fuse/acl.c): it asks for a list when somebody who isn't the owner first uses a node, and keeps it as long as the node's attributes.
/// </summary>
internal sealed class ExtendedAttributes(VfsMount mount)
{
    private const uint CreateFlag = 1, ReplaceFlag = 2;

    public ValueTask<FuseResult<ReadOnlyMemory<byte>>> Get(Node node, ReadOnlySpan<byte> name, OperationContext operation)
    {
        AccessLists kind = AccessList.KindOf(name);
        if (kind == AccessLists.None && !IsSupported(name))
            return new((FuseResult<ReadOnlyMemory<byte>>)Errno.EOPNOTSUPP);
        // Mostly no call is needed: few files have an xattr, and fewer an access list.
        if (mount.Cache.Statuses.TryGet(node.Fid, out FetchStatus status) && (!status.HasXattrs || kind != AccessLists.None && !status.Lists.HasFlag(kind)))
            return new((FuseResult<ReadOnlyMemory<byte>>)Errno.ENODATA);
        return mount.Cache.Operations.TryGetXattrs(node.Fid, out IReadOnlyList<Xattr> known)
            ? new(Find(known, name))
            : GetAsync(node, name.ToArray(), operation);
    }

    /// <param name="showsTrusted">The caller is root. Nobody else may see names in trusted.* (xattr(7)), and FUSE leaves it to the daemon to hide them.</param>
    public async ValueTask<FuseResult<ReadOnlyMemory<byte>>> ListAsync(Node node, bool showsTrusted, OperationContext operation)
    {
        Result<IReadOnlyList<Xattr>> xattrs = await mount.Cache.Operations.GetXattrsAsync(node.Fid, operation);
        if (!xattrs.IsSuccess)
            return xattrs.Failure.ToErrno();
        Xattr[] shown = [.. xattrs.Value.Where(x => showsTrusted || !x.Name.AsSpan().StartsWith("trusted."u8))];
        var names = new byte[shown.Sum(x => x.Name.Length + 1)];
        int used = 0;
        foreach (Xattr xattr in shown)
        {
            xattr.Name.CopyTo(names, used);
            used += xattr.Name.Length + 1;
        }

        return new ReadOnlyMemory<byte>(names);
    }

    /// <param name="killSetGroupId">The caller sets an access list and has no right to keep the set-group-id bit: it is cleared.</param>
    public ValueTask<Errno> Set(Node node, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, uint flags, bool killSetGroupId, OperationContext operation)
    {
        AccessLists kind = AccessList.KindOf(name);
        if (kind == AccessLists.None && !IsSupported(name))
            return new(Errno.EOPNOTSUPP);
        if (name.Length > Limits.XattrNameBytes)
            return new(Errno.ERANGE);
        if (value.Length > Limits.XattrValueBytes)
            return new(Errno.E2BIG);
        if ((flags & ~(CreateFlag | ReplaceFlag)) != 0 || kind != AccessLists.None && !AccessList.IsValid(value))
            return new(Errno.EINVAL);
        return StoreAsync(
            new StoreXattrRequest
            {
                Fid = node.Fid,
                Name = name.ToArray(),
                Value = value.ToArray(),
                Mode = flags switch
                {
                    CreateFlag => XattrMode.Create,
                    ReplaceFlag => XattrMode.Replace,
                    _ => XattrMode.CreateOrReplace,
                },
                ChangeTime = mount.Cache.Operations.Now,
                KillSetGroupId = killSetGroupId,
            },
            operation);
    }

    public ValueTask<Errno> Remove(Node node, ReadOnlySpan<byte> name, OperationContext operation)
    {
        AccessLists kind = AccessList.KindOf(name);
        if (kind == AccessLists.None && !IsSupported(name))
            return new(Errno.EOPNOTSUPP);
        var request = new StoreXattrRequest { Fid = node.Fid, Name = name.ToArray(), ChangeTime = mount.Cache.Operations.Now };
        return kind == AccessLists.None ? StoreAsync(request, operation) : RemoveListAsync(request, kind, operation);
    }

    /// <summary>To remove a list that isn't there succeeds, as on other filesystems (ext4_set_acl and others).</summary>
    private async ValueTask<Errno> RemoveListAsync(StoreXattrRequest request, AccessLists kind, OperationContext operation)
    {
        if (mount.Cache.Statuses.TryGet(request.Fid, out FetchStatus status) && !status.Lists.HasFlag(kind))
            return Errno.None;
        Errno error = await StoreAsync(request, operation);
        return error == Errno.ENODATA ? Errno.None : error;
    }

    private async ValueTask<FuseResult<ReadOnlyMemory<byte>>> GetAsync(Node node, byte[] name, OperationContext operation)
    {
        Result<IReadOnlyList<Xattr>> xattrs = await mount.Cache.Operations.GetXattrsAsync(node.Fid, operation);
        return xattrs.IsSuccess ? Find(xattrs.Value, name) : xattrs.Failure.ToErrno();
    }

    private static FuseResult<ReadOnlyMemory<byte>> Find(IReadOnlyList<Xattr> xattrs, ReadOnlySpan<byte> name)
    {
        for (int i = 0; i < xattrs.Count; i++)
        {
            if (name.SequenceEqual(xattrs[i].Name))
                return new ReadOnlyMemory<byte>(xattrs[i].Value);
        }

        return Errno.ENODATA;
    }

    private async ValueTask<Errno> StoreAsync(StoreXattrRequest request, OperationContext operation) =>
        (await mount.Cache.Operations.SetXattrAsync(request, operation)).ToErrno();

    private static bool IsSupported(ReadOnlySpan<byte> name) =>
        name.StartsWith("user."u8) || name.StartsWith("security."u8) || name.StartsWith("trusted."u8);
}
