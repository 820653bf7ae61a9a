using Afs.Fuse;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>SETATTR: the size through the container, all else by one call to the server.</summary>
internal sealed class AttributeWriter(VfsMount mount, Truncation truncation)
{
    private const SetAttributesMask AboutTheCaller = SetAttributesMask.Handle | SetAttributesMask.LockOwner;

    public async ValueTask<FuseResult<AttributesReply>> SetAsync(Node node, SetAttributesRequest set, CancellationToken cancellation)
    {
        SetAttributesMask mask = set.Mask & ~AboutTheCaller;
        Errno error = mask.HasFlag(SetAttributesMask.Size) ? await truncation.TruncateAsync(node, set, cancellation) : Errno.None;

        StoreStatusRequest request = ToRequest(node, set, mask);
        if (error == Errno.None && request.Fields != StatusFields.None)
            error = await StoreAsync(node, request, cancellation);

        // An empty mask is what a write by an unprivileged user leads to.
        if (error == Errno.None && (mask == SetAttributesMask.None || mask.HasFlag(SetAttributesMask.KillSuidGid)))
            error = await mount.Privileges.KillAsync(node, cancellation);

        if (error != Errno.None)
            return error;
        return mount.Attributes.TryRead(node, out AttributesReply reply) ? reply : await mount.Attributes.ReadAsync(node, cancellation);
    }

    private async ValueTask<Errno> StoreAsync(Node node, StoreStatusRequest request, CancellationToken cancellation)
    {
        Result<FetchStatus> stored = await mount.Cache.Operations.SetStatusAsync(request, cancellation);
        if (!stored.IsSuccess)
            return stored.Failure.ToErrno();
        bool losesCapability = request.Fields.HasFlag(StatusFields.KillSetId) && stored.Value.HasXattrs;
        return losesCapability ? await mount.Privileges.KillCapabilityAsync(node.Fid, cancellation) : Errno.None;
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
