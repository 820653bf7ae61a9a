using Afs.Rpc;
using Afs.Wire;

namespace Afs.Rules;

/// <summary>chmod, chown and utimensat.</summary>
public static class StoreStatus
{
    public static Outcome<StoreStatusReply> Run(MutationScope scope, StoreStatusRequest request)
    {
        if (scope.Find(request.Fid) is not { } status)
            return scope.Missing(request.Fid);
        FetchStatus changed = Changed(status, request);
        bool isChmod = ((changed.Mode ^ status.Mode) & ModeBits.Permissions) != 0;
        byte[]? list = isChmod && status.Lists.HasFlag(AccessLists.Access) ? ListWithMode(scope, changed) : null;
        scope.Change(changed, areXattrsChanged: list is not null);
        scope.Apply();
        if (list is not null)
            scope.Written.PutXattr(request.Fid, AccessList.AccessName.ToArray(), list);
        return new StoreStatusReply { Status = scope.Promise(request.Fid) };
    }

    /// <summary>Null: there is no list that could be read.</summary>
    private static byte[]? ListWithMode(MutationScope scope, FetchStatus status) =>
        AccessListRows.Find(scope, status.Fid, AccessLists.Access) is { } list ? AccessList.WithMode(list, status.Mode) : null;

    private static FetchStatus Changed(FetchStatus status, StoreStatusRequest request)
    {
        StatusFields fields = request.Fields;
        uint mode = fields.HasFlag(StatusFields.Mode) ? request.Mode & ModeBits.All : status.Mode;
        return status with
        {
            Mode = fields.HasFlag(StatusFields.KillSetId) ? ModeBits.KillSetId(mode) : mode,
            Uid = fields.HasFlag(StatusFields.Uid) ? request.Uid : status.Uid,
            Gid = fields.HasFlag(StatusFields.Gid) ? request.Gid : status.Gid,
            AccessTime = fields.HasFlag(StatusFields.AccessTime) ? request.AccessTime : status.AccessTime,
            ModifyTime = fields.HasFlag(StatusFields.ModifyTime) ? request.ModifyTime : status.ModifyTime,
            ChangeTime = request.ChangeTime,
        };
    }
}

/// <summary>What a new content does to its file's status.</summary>
public static class StoredStatus
{
    public static FetchStatus Of(FetchStatus status, StoreDataRequest request) => status with
    {
        LengthBytes = request.LengthBytes,
        AllocatedBytes = request.AllocatedBytes,
        ContentCrc32C = request.Crc32C,
        ModifyTime = request.ModifyTime,
        ChangeTime = request.ChangeTime,
    };
}

/// <summary>setxattr(2) and removexattr(2), and acl_set_file(3), which is one of them.</summary>
public static class StoreXattr
{
    public static Outcome<StoreXattrReply> Run(MutationScope scope, StoreXattrRequest request)
    {
        if (scope.Find(request.Fid) is not { } status)
            return scope.Missing(request.Fid);
        AccessLists kind = AccessList.KindOf(request.Name);
        if (kind != AccessLists.None && !MayHave(status, kind))
            return AbortCodes.BadArgument;
        IReadOnlyList<Xattr> xattrs = status.HasXattrs ? scope.ReadXattrs(request.Fid) : [];
        List<Xattr> others = [.. xattrs.Where(xattr => !xattr.Name.AsSpan().SequenceEqual(request.Name))];
        bool exists = others.Count < xattrs.Count;
        if (Refusal(request, exists, others) is { } refusal)
            return refusal;

        byte[]? value = request.Value;
        if (kind == AccessLists.Access && value is not null)
        {
            status = status with { Mode = ModeWith(value, status.Mode, request.KillSetGroupId) };
            if (AccessList.IsMode(value))
                value = null;
        }
        AccessLists lists = value is null ? status.Lists & ~kind : status.Lists | kind;
        scope.Change(
            status with { ChangeTime = request.ChangeTime, HasXattrs = value is not null || others.Count > 0, Lists = lists }, areXattrsChanged: exists || value is not null);
        scope.Apply();
        if (value is not null)
            scope.Written.PutXattr(request.Fid, request.Name, value);
        else if (exists)
            scope.Written.DeleteXattr(request.Fid, request.Name);
        return new StoreXattrReply { Status = scope.Promise(request.Fid) };
    }

    private static bool MayHave(FetchStatus status, AccessLists kind) =>
        kind == AccessLists.Default ? status.Type == FileType.Directory : status.Type != FileType.Symlink;

    private static uint ModeWith(byte[] list, uint mode, bool killSetGroupId)
    {
        mode = AccessList.ModeOf(list, mode);
        return killSetGroupId ? mode & ~ModeBits.SetGroupId : mode;
    }

    private static AbortCode? Refusal(StoreXattrRequest request, bool exists, List<Xattr> others)
    {
        if (!exists && (request.Value is null || request.Mode == XattrMode.Replace))
            return AbortCodes.NoXattr;
        if (exists && request.Value is not null && request.Mode == XattrMode.Create)
            return AbortCodes.XattrExists;
        if (request.Value is null)
            return null;
        int total = others.Sum(xattr => xattr.Name.Length + xattr.Value.Length) + request.Name.Length + request.Value.Length;
        return total > Limits.XattrTotalBytes || others.Count + 1 > Limits.XattrsPerVnode ? AbortCodes.XattrTooLarge : null;
    }
}

/// <summary>Access lists are rows of xattrs, and flags of the status that say which there are.</summary>
public static class AccessListRows
{
    /// <summary>Null: there is none, or what is there is no list (a damaged row; salvage tells).</summary>
    public static byte[]? Find(MutationScope scope, Fid fid, AccessLists kind)
    {
        Xattr? row = scope.ReadXattrs(fid).FirstOrDefault(xattr => AccessList.KindOf(xattr.Name) == kind);
        return row is not null && AccessList.IsValid(row.Value) ? row.Value : null;
    }

    /// <summary>The flags that the status of a vnode with these xattrs has.</summary>
    public static AccessLists Of(IEnumerable<Xattr> xattrs) =>
        xattrs.Aggregate(AccessLists.None, (lists, xattr) => lists | AccessList.KindOf(xattr.Name));
}

/// <summary>Permission bits (inode(7)).</summary>
public static class ModeBits
{
    public const uint All = 0xFFF;        // 07777
    public const uint Permissions = 0x1FF; // 00777
    public const uint SetUserId = 0x800;  // 04000
    public const uint SetGroupId = 0x400; // 02000
    public const uint GroupExecute = 0x8; // 00010

    /// <summary>What a write by somebody without privilege leaves of a mode: no set-user-id; set-group-id only where it marks mandatory locking, i.e. without group execute.</summary>
    public static uint KillSetId(uint mode)
    {
        mode &= ~SetUserId;
        return (mode & GroupExecute) != 0 ? mode & ~SetGroupId : mode;
    }
}
