using Afs.Fuse;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>
/// What stat shows: the server's status. If this client changed the file, or has an old version of it open, size, blocks and times are those of its
/// container instead. Any other size would break SEEK_END and reads at the end, as passthrough reads by the length of the backing file.
/// </summary>
/// <param name="outlivesDaemon">
/// The mount stands while no daemon answers. Nobody could tell the kernel then that a name has changed. So it may keep a directory's attributes no longer than the lease surely runs: each
/// walk through the directory, also by a name that the kernel has cached, needs them (fs/fuse/dir.c, fuse_permission), and waits for the next daemon.
/// </param>
internal sealed class AttributeReader(ICacheManager cache, HeldDirectories held, VfsOptions options, bool outlivesDaemon)
{
    /// <summary>The kernel counts a timeout from the reply's arrival, which is later than its making by no more than this.</summary>
    private static readonly TimeSpan MostReplyDelay = TimeSpan.FromSeconds(1);

    private const uint BlockSizeBytes = 4096;

    /// <summary>The st_blksize of a large file. Some programs read in units of it (awk and Python, for example): see <see cref="VfsOptions.MinDirectBytes"/>.</summary>
    private const uint LargeBlockSizeBytes = 128 << 10;

    private const long BlockUnitBytes = 512;

    /// <summary>From memory and the container alone. False: the promise on the status doesn't hold; <see cref="ReadAsync"/> asks the server.</summary>
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
    public async ValueTask<FuseResult<AttributesReply>> ReadAsync(Node node, OperationContext operation)
    {
        Result<FetchStatus> fetched = await cache.Statuses.GetAsync(node.Fid, operation);
        if (!fetched.IsSuccess)
            return fetched.Failure.IsGone() ? ReadGone(node) : fetched.Failure.ToErrno();
        // A break may have crossed the reply. Then the reply is good for this one answer, and the kernel may not keep it.
        return TryRead(node, out AttributesReply reply) ? reply : Compose(node, fetched.Value, isPromised: false);
    }

    /// <summary>The attributes of a node by a status.</summary>
    public AttributesReply Compose(Node node, FetchStatus status, bool isPromised)
    {
        var reply = new AttributesReply
        {
            Attributes = OfStatus(status),
            AttributeTimeout = isPromised && !node.IsDetached && cache.Statuses.MayBeKept(node.Fid) && held.Find(node) is null ? PromisedTimeout(node) : TimeSpan.Zero,
        };
        if (node is FileNode file)
            Overlay(file, status, ref reply);
        return reply;
    }

    private TimeSpan PromisedTimeout(Node node)
    {
        if (!outlivesDaemon || node is not DirectoryNode)
            return options.PromisedTimeout;
        TimeSpan sure = cache.Statuses.LeaseLeft(node.Fid) - MostReplyDelay;
        return sure <= TimeSpan.Zero ? TimeSpan.Zero : sure < options.PromisedTimeout ? sure : options.PromisedTimeout;
    }

    /// <summary>
    /// Another client removed the file. Whoever has it open, or looked its name up just before, gets what was last known of it, with no link left: as on a local disk.
    /// </summary>
    private FuseResult<AttributesReply> ReadGone(Node node)
    {
        if (node is FileNode { OpenedStatus: { } opened })
            return ComposeRemoved(node, opened);
        return TryRead(node, out AttributesReply reply) ? reply : Errno.ESTALE;
    }

    /// <summary>What was known when it was opened, with no link left.</summary>
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
            // In passthrough the kernel changes the container without telling this daemon.
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
        Ino = InodeNumbers.Of(status.Fid),
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

/// <summary>The bits of st_mode (inode(7)).</summary>
internal static class FileModes
{
    public const uint TypeMask = 0xF000;
    public const uint PermissionMask = 0xFFF;
    public const uint SetUserId = 0x800;
    public const uint SetGroupId = 0x400;

    private const uint Fifo = 0x1000, CharacterDevice = 0x2000, Directory = 0x4000, BlockDevice = 0x6000, Regular = 0x8000, Symlink = 0xA000, Socket = 0xC000;

    public static uint OfType(FileType type) => type switch
    {
        FileType.Regular => Regular,
        FileType.Directory => Directory,
        FileType.Symlink => Symlink,
        FileType.Fifo => Fifo,
        FileType.Socket => Socket,
        FileType.CharacterDevice => CharacterDevice,
        FileType.BlockDevice => BlockDevice,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "A vnode has one of seven types."),
    };

    /// <summary>The file type in a mode; <see cref="FileType.None"/> if there is no such type.</summary>
    public static FileType ToType(uint mode) => (mode & TypeMask) switch
    {
        // mknod(2): zero is a regular file.
        0 or Regular => FileType.Regular,
        Directory => FileType.Directory,
        Symlink => FileType.Symlink,
        Fifo => FileType.Fifo,
        Socket => FileType.Socket,
        CharacterDevice => FileType.CharacterDevice,
        BlockDevice => FileType.BlockDevice,
        _ => FileType.None,
    };
}

/// <summary>Between the wire's times and the kernel's.</summary>
internal static class FileTimes
{
    public const uint NanosecondsPerSecond = 1_000_000_000;

    public static FuseTime ToFuse(this Timestamp time) => new(time.Seconds, time.Nanoseconds);

    public static Timestamp ToTimestamp(this FuseTime time) => new(time.Seconds, Math.Min(time.Nanoseconds, NanosecondsPerSecond - 1));

    public static Timestamp Later(Timestamp one, Timestamp other) => one.CompareTo(other) >= 0 ? one : other;
}
