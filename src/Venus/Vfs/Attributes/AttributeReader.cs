using Afs.Fuse;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>
/// What stat shows: the server's status, overlaid with what the container says where this client changed the file or has an old
/// version of it open. A size that isn't the container's would break SEEK_END and reads at the end (fuse-passthrough reads by the
/// backing file's own length).
/// </summary>
internal sealed class AttributeReader(ICacheManager cache, InodeNumbers inodes, VfsOptions options)
{
    private const uint BlockSizeBytes = 4096;

    /// <summary>What those programs read a large file by that ask (st_blksize; awk and Python, for example): see <see cref="VfsOptions.MinDirectBytes"/>.</summary>
    private const uint LargeBlockSizeBytes = 128 << 10;

    private const long BlockUnitBytes = 512;

    /// <summary>From memory and the container alone. False: the promise doesn't hold, ask <see cref="ReadAsync"/>.</summary>
    public bool TryRead(Node node, out AttributesReply reply)
    {
        if (!cache.Statuses.TryGet(node.Fid, out FetchStatus status))
        {
            reply = default;
            return false;
        }

        reply = Compose(node, status, isPromised: true);
        return true;
    }

    /// <summary>With the server's help where the promise doesn't hold.</summary>
    public async ValueTask<FuseResult<AttributesReply>> ReadAsync(Node node, CancellationToken cancellation)
    {
        Result<FetchStatus> fetched = await cache.Statuses.GetAsync(node.Fid, cancellation);
        if (!fetched.IsSuccess)
            return fetched.Failure.IsGone() && node is FileNode { OpenedStatus: { } opened } ? ComposeRemoved(node, opened) : fetched.Failure.ToErrno();
        // The reply may have crossed a break: then it is good for this once.
        return TryRead(node, out AttributesReply reply) ? reply : Compose(node, fetched.Value, isPromised: false);
    }

    /// <summary>The attributes of a node by a status.</summary>
    public AttributesReply Compose(Node node, FetchStatus status, bool isPromised)
    {
        var reply = new AttributesReply
        {
            Attributes = OfStatus(status),
            AttributeTimeout = isPromised && !node.IsDetached && !cache.Statuses.ServesSuspect ? options.PromisedTimeout : TimeSpan.Zero,
        };
        if (node is FileNode file)
            Overlay(file, status, ref reply);
        return reply;
    }

    /// <summary>Another client removed it, and somebody here has it open.</summary>
    private AttributesReply ComposeRemoved(Node node, FetchStatus opened)
    {
        AttributesReply reply = Compose(node, opened, isPromised: false);
        reply.Attributes.LinkCount = 0;
        return reply;
    }

    private void Overlay(FileNode file, FetchStatus status, ref AttributesReply reply)
    {
        FileView view = file.Look(status.DataVersion);
        if (!view.IsOpen && cache.Contents.FindLocal(file.Fid) is { } container && container.TryGetLocalStatus(out LocalStatus unstored))
            view = new FileView { IsLocal = true, Local = unstored };

        ref FuseAttributes attributes = ref reply.Attributes;
        if (view.IsLocal)
        {
            LocalStatus local = view.Local;
            attributes.SizeBytes = (ulong)local.LengthBytes;
            attributes.Blocks = ToBlocks(local.AllocatedBytes);
            attributes.ModifyTime = local.ModifyTime.ToFuse();
            if (local.ChangeTime is { } changeTime)
                attributes.ChangeTime = FileTimes.Later(changeTime, status.ChangeTime).ToFuse();
            // The kernel changes the container without telling.
            reply.AttributeTimeout = TimeSpan.Zero;
        }
        else if (view.IsOld)
        {
            attributes.SizeBytes = (ulong)view.OldLengthBytes;
            reply.AttributeTimeout = TimeSpan.Zero;
            if (view.OldStatus is { } old)
            {
                attributes.Blocks = ToBlocks(old.AllocatedBytes);
                attributes.ModifyTime = old.ModifyTime.ToFuse();
            }
        }
    }

    private FuseAttributes OfStatus(FetchStatus status) => new()
    {
        Ino = inodes.Of(status.Fid),
        SizeBytes = (ulong)status.LengthBytes,
        Blocks = ToBlocks(status.AllocatedBytes),
        AccessTime = status.AccessTime.ToFuse(),
        ModifyTime = status.ModifyTime.ToFuse(),
        ChangeTime = status.ChangeTime.ToFuse(),
        Mode = FileModes.OfType(status.Type) | (status.Mode & FileModes.PermissionMask),
        LinkCount = status.LinkCount,
        Uid = status.Uid,
        Gid = status.Gid,
        DeviceNumber = status.DeviceNumber,
        BlockSizeBytes = status.Type == FileType.Regular && status.LengthBytes >= options.MinDirectBytes ? LargeBlockSizeBytes : BlockSizeBytes,
    };

    private static ulong ToBlocks(long bytes) => (ulong)((bytes + BlockUnitBytes - 1) / BlockUnitBytes);
}
