using Afs.Venus.Cache;

namespace Afs.Venus.Vfs;

/// <summary>What the operations of one mount share. Each part owns its own state.</summary>
internal sealed class VfsMount
{
    public VfsMount(ICacheManager cache, TimeProvider time, VfsOptions options, MountRecords? records)
    {
        Cache = cache;
        Time = time;
        Inodes = new InodeNumbers(cache.Root.Volume);
        Kernel = new KernelLink(options);
        Nodes = new NodeTable(cache.Root, cache.Statuses, new NodeRecords(records?.Nodes));
        Files = new HandleTable<OpenFile>(records is null ? null : new OpenFileRecords(records.Files));
        Directories = new HandleTable<OpenDirectory>(records is null ? null : new OpenDirectoryRecords(records.Directories));
        Attributes = new AttributeReader(cache, Inodes, options);
        Entries = new EntryResolver(cache, Nodes, Attributes, Kernel);
        Privileges = new PrivilegeKiller(cache);
    }

    public ICacheManager Cache { get; }

    public TimeProvider Time { get; }

    public InodeNumbers Inodes { get; }

    public KernelLink Kernel { get; }

    public NodeTable Nodes { get; }

    public HandleTable<OpenFile> Files { get; }

    public HandleTable<OpenDirectory> Directories { get; }

    public Unanswered Unanswered { get; } = new();

    public AttributeReader Attributes { get; }

    public EntryResolver Entries { get; }

    public PrivilegeKiller Privileges { get; }
}
