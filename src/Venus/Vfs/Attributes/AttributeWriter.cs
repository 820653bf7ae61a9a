using Afs.Fuse;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>SETATTR: the size through the container, all else by one call to the server.</summary>
internal sealed class AttributeWriter(VfsMount mount, Truncation truncation)
{
    private const SetAttributesMask AboutTheCaller = SetAttributesMask.Handle | SetAttributesMask.LockOwner;

    /// <summary>
    /// Of a directory, whose lock the kernel holds meanwhile, what is answered is for one use: the kernel takes it in also where it was told to forget the attributes since
    /// (fs/fuse/dir.c, fuse_do_setattr).
    /// </summary>
    public async ValueTask<FuseResult<AttributesReply>> SetAsync(Node node, SetAttributesRequest set, OperationContext operation)
    {
        if (node is not DirectoryNode directory)
            return await SetNodeAsync(node, set, operation);
        mount.Names.BeginRequest(directory);
        try
        {
            FuseResult<AttributesReply> result = await SetNodeAsync(node, set, operation);
            return result.IsSuccess ? result.Value with { AttributeTimeout = TimeSpan.Zero } : result;
        }
        finally
        {
            mount.Names.EndRequest(directory);
        }
    }

    private async ValueTask<FuseResult<AttributesReply>> SetNodeAsync(Node node, SetAttributesRequest set, OperationContext operation)
    {
        SetAttributesMask mask = set.Mask & ~AboutTheCaller;
        Errno error = mask.HasFlag(SetAttributesMask.Size) ? await truncation.TruncateAsync(node, set, operation) : Errno.None;

        StoreStatusRequest request = ToRequest(node, set, mask);
        if (error == Errno.None && request.Fields != StatusFields.None)
            error = await StoreAsync(node, request, operation);

        // An empty mask: the kernel saw a write by an unprivileged user, and wants the set-id bits cleared.
        if (error == Errno.None && (mask == SetAttributesMask.None || mask.HasFlag(SetAttributesMask.KillSuidGid)))
            error = await mount.Privileges.KillAsync(node, operation);

        if (error != Errno.None)
            return error;
        return mount.Attributes.TryRead(node, out AttributesReply reply) ? reply : await mount.Attributes.ReadAsync(node, operation);
    }

    private async ValueTask<Errno> StoreAsync(Node node, StoreStatusRequest request, OperationContext operation)
    {
        Result<FetchStatus> stored = await mount.Cache.Operations.SetStatusAsync(request, operation);
        if (!stored.IsSuccess)
            return stored.Failure.ToErrno();
        bool losesCapability = request.Fields.HasFlag(StatusFields.KillSetId) && stored.Value.HasXattrs;
        return losesCapability ? await mount.Privileges.KillCapabilityAsync(node.Fid, operation) : Errno.None;
    }

    private StoreStatusRequest ToRequest(Node node, in SetAttributesRequest set, SetAttributesMask mask)
    {
        Timestamp now = mount.Cache.Operations.Now;
        var fields = StatusFields.None;
        if (mask.HasFlag(SetAttributesMask.Mode))
            fields |= StatusFields.Mode;
        if (mask.HasFlag(SetAttributesMask.Uid))
            fields |= StatusFields.Uid;
        if (mask.HasFlag(SetAttributesMask.Gid))
            fields |= StatusFields.Gid;
        if (mask.HasFlag(SetAttributesMask.AccessTime))
            fields |= StatusFields.AccessTime;
        if (mask.HasFlag(SetAttributesMask.ModifyTime))
            fields |= StatusFields.ModifyTime;

        // chown(2) clears the set-id bits of all but directories, whoever calls.
        bool isChown = (fields & (StatusFields.Uid | StatusFields.Gid)) != 0;
        if (isChown && node.Type != FileType.Directory && !fields.HasFlag(StatusFields.Mode))
            fields |= StatusFields.KillSetId;

        return new StoreStatusRequest
        {
            Fid = node.Fid,
            Fields = fields,
            Mode = set.Mode & FileModes.PermissionMask,
            Uid = set.Uid,
            Gid = set.Gid,
            AccessTime = mask.HasFlag(SetAttributesMask.AccessTimeNow) ? now : set.AccessTime.ToTimestamp(),
            ModifyTime = mask.HasFlag(SetAttributesMask.ModifyTimeNow) ? now : set.ModifyTime.ToTimestamp(),
            ChangeTime = now,
        };
    }
}

/// <summary>
/// Clears set-user-id, set-group-id and file capabilities when somebody without the right to keep them changes a file
/// (FUSE_HANDLE_KILLPRIV_V2: the kernel says when, the filesystem does it).
/// </summary>
internal sealed class PrivilegeKiller(ICacheManager cache)
{
    private static readonly byte[] Capability = "security.capability"u8.ToArray();

    public async ValueTask<Errno> KillAsync(Node node, OperationContext operation)
    {
        Result<FetchStatus> status = await cache.Statuses.GetAsync(node.Fid, operation);
        if (!status.IsSuccess)
            return status.Failure.ToErrno();

        if ((status.Value.Mode & (FileModes.SetUserId | FileModes.SetGroupId)) != 0)
        {
            var request = new StoreStatusRequest { Fid = node.Fid, Fields = StatusFields.KillSetId, ChangeTime = cache.Operations.Now };
            Result<FetchStatus> set = await cache.Operations.SetStatusAsync(request, operation);
            if (!set.IsSuccess)
                return set.Failure.ToErrno();
        }

        return status.Value.HasXattrs ? await KillCapabilityAsync(node.Fid, operation) : Errno.None;
    }

    /// <summary>Removes file capabilities, if there are any.</summary>
    public async ValueTask<Errno> KillCapabilityAsync(Fid fid, OperationContext operation)
    {
        // Few files that have xattrs have this one. To read them first, often from memory, saves a change at the server.
        Result<IReadOnlyList<Xattr>> xattrs = await cache.Operations.GetXattrsAsync(fid, operation);
        if (xattrs.IsSuccess && !xattrs.Value.Any(static xattr => xattr.Name.AsSpan().SequenceEqual(Capability)))
            return Errno.None;
        var request = new StoreXattrRequest { Fid = fid, Name = Capability, ChangeTime = cache.Operations.Now };
        Failure removed = await cache.Operations.SetXattrAsync(request, operation);
        bool hadNone = removed.Kind == FailureKind.Refused && removed.Abort == AbortCodes.NoXattr;
        return hadNone ? Errno.None : removed.ToErrno();
    }
}
