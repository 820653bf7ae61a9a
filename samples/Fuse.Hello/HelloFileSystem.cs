using Afs.Fuse;

/// <summary>One directory with one file, which says hello.</summary>
internal sealed class HelloFileSystem : FuseFileSystem
{
    private static readonly NodeId File = new(2);
    private readonly byte[] _content = "Hello from user space\n"u8.ToArray();

    public override ValueTask<FuseResult<EntryReply>> Lookup(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name) =>
        name.SequenceEqual("hello"u8) ? new(new EntryReply { Node = File, Attributes = AttributesOf(File) }) : Refuse<EntryReply>(Errno.ENOENT);

    public override ValueTask<FuseResult<AttributesReply>> GetAttributes(in FuseRequest request, NodeId node, FileHandle? handle) =>
        new(new AttributesReply { Attributes = AttributesOf(node) });

    public override ValueTask<FuseResult<OpenReply>> Open(in FuseRequest request, NodeId node, int openFlags, bool killSuidGid) => new(default(OpenReply));

    public override ValueTask<FuseResult<OpenReply>> OpenDirectory(in FuseRequest request, NodeId node, int openFlags) => new(default(OpenReply));

    public override ValueTask<FuseResult<int>> Read(in FuseRequest request, NodeId node, FileHandle handle, long offset, Memory<byte> destination)
    {
        ReadOnlyMemory<byte> rest = _content.AsMemory((int)Math.Min(offset, _content.Length));
        ReadOnlyMemory<byte> part = rest[..Math.Min(rest.Length, destination.Length)];
        part.CopyTo(destination);
        return new(part.Length);
    }

    public override Errno ReadDirectory(in FuseRequest request, NodeId node, FileHandle handle, ulong offset, scoped ref DirectoryFiller filler)
    {
        if (offset == 0)
        {
            filler.TryAdd("hello"u8, ino: 2, nextOffset: 1, modeType: 0x8000, default);
        }

        return Errno.None;
    }

    private FuseAttributes AttributesOf(NodeId node) => node == NodeId.Root
        ? new FuseAttributes { Ino = 1, Mode = 0x41ED, LinkCount = 2 } // a directory, rwxr-xr-x
        : new FuseAttributes { Ino = 2, Mode = 0x8124, LinkCount = 1, SizeBytes = (ulong)_content.Length }; // a file, r--r--r--
}
