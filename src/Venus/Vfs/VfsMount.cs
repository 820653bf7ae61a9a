using Afs.Fuse;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>What the operations of one mount share. Each part owns its own state.</summary>
internal sealed class VfsMount
{
    public VfsMount(ICacheManager cache, TimeProvider time, VfsOptions options, MountRecords? records)
    {
        Cache = cache;
        Time = time;
        Kernel = new KernelLink(options);
        Nodes = new NodeTable(cache.Root, cache.Statuses, new NodeRecords(records?.Nodes));
        Files = new HandleTable<OpenFile>(records is null ? null : new OpenFileRecords(records.Files));
        Directories = new HandleTable<OpenDirectory>(records is null ? null : new OpenDirectoryRecords(records.Directories));
        OpenContents = new OpenContents(cache, Files, Nodes, Kernel);
        Locks = new LockTable(new LockRecords(records?.Locks), cache.Locks is null ? null : OpenContents.BringCurrentAsync);
        cache.Locks?.Attach(Locks);
        Expirer = new NameExpirer(Kernel, time);
        Names = new KernelNames(Kernel, Expirer, new NameRecords(records?.Names), time);
        SentBack = new SentBack(time);
        Held = new HeldDirectories(Kernel, Names, Expirer, SentBack, options, time);
        Attributes = new AttributeReader(cache, Held, options, outlivesDaemon: records is not null);
        Entries = new EntryResolver(cache, Nodes, Names, Attributes, Kernel);
        Privileges = new PrivilegeKiller(cache);
        Marks = new DurabilityMarks(cache, options);
    }

    public ICacheManager Cache { get; }

    public TimeProvider Time { get; }

    public KernelLink Kernel { get; }

    public NodeTable Nodes { get; }

    public NameExpirer Expirer { get; }

    public KernelNames Names { get; }

    public SentBack SentBack { get; }

    public HeldDirectories Held { get; }

    public HandleTable<OpenFile> Files { get; }

    public HandleTable<OpenDirectory> Directories { get; }

    public LockTable Locks { get; }

    public OpenContents OpenContents { get; }

    public Unanswered Unanswered { get; } = new();

    public AttributeReader Attributes { get; }

    public EntryResolver Entries { get; }

    public PrivilegeKiller Privileges { get; }

    public DurabilityMarks Marks { get; }
}

/// <summary>How the filesystem treats the kernel. The defaults suit a real mount.</summary>
public sealed record VfsOptions
{
    /// <summary>How long the kernel may believe a name or attributes whose promise holds. Breaks take them back, so it may be long.</summary>
    public TimeSpan PromisedTimeout { get; init; } = TimeSpan.FromDays(1);

    /// <summary>The mount is synchronous: each write is stored before it returns.</summary>
    public bool IsSynchronous { get; init; }

    /// <summary>The thread waits in a system call that takes no directory's lock, as far as can be told.</summary>
    public Func<uint, bool> SeemsToRead { get; init; } = static _ => false;

    /// <summary>Registered backing files that are kept while nobody has them open.</summary>
    public int MaxIdleBackings { get; init; } = 16384;

    /// <summary>A container longer than this isn't kept registered while nobody has it open, since that holds its disk space after eviction.</summary>
    public long MaxIdleBackingBytes { get; init; } = 64 << 10;

    /// <summary>
    /// A file up to this length that nobody can write is served by the daemon: it is read once, and then the kernel has it in its page cache. An open of it costs less
    /// than with passthrough. A read of it doesn't make the kernel ask for the attributes again, as one in passthrough does.
    /// </summary>
    public long MaxServedBytes { get; init; } = 64 << 10;

    /// <summary>
    /// A file of at least this length that is opened while it arrives is read past the mount's page cache, so that each read() is a request. With reads of 32 KiB or more that
    /// costs less than pages do; with 8 KiB, twice as much. So st_blksize asks programs for longer reads of such a file. Shorter files take no memory worth saving.
    /// </summary>
    public long MinDirectBytes { get; init; } = 32 << 20;
}

/// <summary>What statfs shows of a volume.</summary>
internal static class StatFsFigures
{
    private const uint BlockSizeBytes = 4096;

    /// <summary>Vnode numbers don't run out. This many are shown as free, for programs that look before they make files.</summary>
    private const ulong VnodesFree = 1UL << 32;

    public static StatFsReply ToReply(GetVolumeStatusReply volume) => new()
    {
        BlockSizeBytes = BlockSizeBytes,
        FragmentSizeBytes = BlockSizeBytes,
        Blocks = (ulong)volume.TotalBytes / BlockSizeBytes,
        BlocksFree = (ulong)volume.FreeBytes / BlockSizeBytes,
        BlocksAvailable = (ulong)Math.Max(0, volume.FreeBytes - volume.ReservedBytes) / BlockSizeBytes,
        Files = volume.Vnodes + VnodesFree,
        FilesFree = VnodesFree,
        NameMaxBytes = Limits.NameBytes,
    };
}

/// <summary>What goes with an operation of the kernel's into the cache.</summary>
internal static class RequestOperation
{
    public static OperationContext Operation(this in FuseRequest request) => new(new Caller(request.Uid, request.Gid), request.Interrupted) { Pid = request.Pid };
}
