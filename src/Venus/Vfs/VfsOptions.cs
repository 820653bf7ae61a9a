namespace Afs.Venus.Vfs;

/// <summary>How the filesystem treats the kernel. The defaults suit a real mount.</summary>
public sealed record VfsOptions
{
    /// <summary>How long the kernel may believe a name or attributes whose promise holds. Breaks take them back, so it may be long.</summary>
    public TimeSpan PromisedTimeout { get; init; } = TimeSpan.FromDays(1);

    /// <summary>Registered backing files that are kept while nobody has them open.</summary>
    public int MaxIdleBackings { get; init; } = 16384;

    /// <summary>A container longer than this isn't kept registered while nobody has it open, since that holds its disk space after eviction.</summary>
    public long MaxIdleBackingBytes { get; init; } = 64 << 10;

    /// <summary>
    /// A file up to this length that nobody can write is read by the daemon, once: the kernel keeps it in its page cache. Its opens cost less
    /// than with passthrough, and its reads leave the attributes alone, which passthrough's don't.
    /// </summary>
    public long MaxServedBytes { get; init; } = 64 << 10;

    /// <summary>
    /// A file from this length on that is opened while it arrives is read without the mount's page cache: each read() is a request then. From 32 KiB on that costs
    /// less than pages do, with 8 KiB twice as much; so st_blksize asks programs for longer reads of such a file. Shorter files take no memory worth saving.
    /// </summary>
    public long MinDirectBytes { get; init; } = 32 << 20;
}
