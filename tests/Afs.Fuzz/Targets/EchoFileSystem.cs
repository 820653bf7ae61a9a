using Afs.Fuse;

namespace Afs.Fuzz;

/// <summary>Answers all with values that it makes of the question, and notes a question that no session may pass on.</summary>
internal sealed class EchoFileSystem : FuseFileSystem
{
    private static readonly byte[] Value = [.. Enumerable.Range(0, 70_000).Select(static i => (byte)i)];

    /// <summary>What was wrong with a question; null: nothing.</summary>
    public string? Malformed { get; set; }

    /// <summary>By the last READDIRPLUS.</summary>
    public int NodesGiven { get; private set; }

    public override ValueTask<FuseResult<EntryReply>> Lookup(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name) => Entry(parent, name);

    public override ValueTask<FuseResult<AttributesReply>> GetAttributes(in FuseRequest request, NodeId node, FileHandle? handle) => Attributes(node);

    public override ValueTask<FuseResult<AttributesReply>> SetAttributes(in FuseRequest request, NodeId node, in SetAttributesRequest set)
    {
        Check((set.Mask & SetAttributesMask.Size) == 0 || set.SizeBytes <= long.MaxValue, "a size is no file's");
        Check((set.Mask & SetAttributesMask.ModifyTime) == 0 || set.ModifyTime.Nanoseconds < 1_000_000_000, "a time is none");
        return Attributes(node);
    }

    public override ValueTask<FuseResult<ReadOnlyMemory<byte>>> ReadLink(in FuseRequest request, NodeId node) => new(Bytes(node));

    public override ValueTask<FuseResult<EntryReply>> SymLink(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, ReadOnlySpan<byte> target)
    {
        Check(target.Length is > 0 and < 4096 && !target.Contains((byte)0), "a target of a link is none");
        return Entry(parent, name);
    }

    public override ValueTask<FuseResult<EntryReply>> MakeNode(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, uint mode, uint deviceNumber, uint umask) => Entry(parent, name);

    public override ValueTask<FuseResult<EntryReply>> MakeDirectory(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, uint mode, uint umask) => Entry(parent, name);

    public override ValueTask<Errno> Unlink(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name) => Done(name);

    public override ValueTask<Errno> RemoveDirectory(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name) => Done(name);

    public override ValueTask<Errno> Rename(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, NodeId newParent, ReadOnlySpan<byte> newName, uint flags)
    {
        CheckName(newName);
        return Done(name);
    }

    public override ValueTask<FuseResult<EntryReply>> Link(in FuseRequest request, NodeId node, NodeId newParent, ReadOnlySpan<byte> newName) => Entry(node, newName);

    public override ValueTask<FuseResult<OpenReply>> Open(in FuseRequest request, NodeId node, int openFlags, bool killSuidGid) => new(Opened(node));

    public override ValueTask<FuseResult<CreateReply>> Create(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, uint mode, uint umask, int openFlags)
    {
        CheckName(name);
        return TemporaryFile(request, parent, mode, umask, openFlags);
    }

    public override ValueTask<FuseResult<CreateReply>> TemporaryFile(in FuseRequest request, NodeId parent, uint mode, uint umask, int openFlags) =>
        new(new CreateReply { Entry = EntryOf(parent), Open = Opened(parent) });

    public override ValueTask<FuseResult<int>> Read(in FuseRequest request, NodeId node, FileHandle handle, long offset, Memory<byte> destination)
    {
        Check(offset >= 0, "an offset is negative");
        destination.Span.Fill((byte)node.Value);
        return new(destination.Length);
    }

    public override ValueTask<FuseResult<int>> Write(in FuseRequest request, NodeId node, FileHandle handle, long offset, ReadOnlyMemory<byte> data, WriteTraits traits)
    {
        Check(offset >= 0 && offset <= long.MaxValue - data.Length, "a write ends behind the last byte that a file can have");
        return new(data.Length);
    }

    public override ValueTask<Errno> Flush(in FuseRequest request, NodeId node, FileHandle handle, ulong lockOwner) => new(Errno.None);

    public override ValueTask<Errno> Fsync(in FuseRequest request, NodeId node, FileHandle handle, bool dataOnly) => new(Errno.None);

    public override ValueTask<FuseResult<OpenReply>> OpenDirectory(in FuseRequest request, NodeId node, int openFlags) => new(Opened(node));

    public override Errno ReadDirectory(in FuseRequest request, NodeId node, FileHandle handle, ulong offset, scoped ref DirectoryFiller filler)
    {
        NodesGiven = 0;
        byte[] name = new byte[255];
        for (ulong i = offset % 5; i < 200; i++)
        {
            Array.Fill(name, (byte)(i % 20 + 'a'));
            int length = i == 0 ? 1 : 1 + (int)((i * 37 + node.Value) % 255);
            bool isDot = i == 0;
            if (isDot)
                name[0] = (byte)'.';
            if (!filler.TryAdd(name.AsSpan(0, length), i + 1, i + 1, 0x8000, EntryOf(new NodeId(i % 3))))
                break;
            NodesGiven += !isDot && i % 3 != 0 ? 1 : 0;
        }
        return node.Value % 7 == 3 ? Errno.EIO : Errno.None;
    }

    public override ValueTask<Errno> FsyncDirectory(in FuseRequest request, NodeId node, FileHandle handle, bool dataOnly) => new(Errno.None);

    public override ValueTask<FuseResult<StatFsReply>> StatFs(in FuseRequest request, NodeId node) => new(new StatFsReply { Blocks = node.Value, BlockSizeBytes = 4096 });

    public override ValueTask<Errno> Access(in FuseRequest request, NodeId node, uint mask) => new(Errno.None);

    public override ValueTask<Errno> SetXattr(in FuseRequest request, NodeId node, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, uint flags, bool killSgid)
    {
        CheckXattr(name);
        Check(value.Length <= 65_536, "a value is too long");
        return new(Errno.None);
    }

    public override ValueTask<FuseResult<ReadOnlyMemory<byte>>> GetXattr(in FuseRequest request, NodeId node, ReadOnlySpan<byte> name)
    {
        CheckXattr(name);
        return new(Bytes(node));
    }

    public override ValueTask<FuseResult<ReadOnlyMemory<byte>>> ListXattr(in FuseRequest request, NodeId node) => new(Bytes(node));

    public override ValueTask<Errno> RemoveXattr(in FuseRequest request, NodeId node, ReadOnlySpan<byte> name)
    {
        CheckXattr(name);
        return new(Errno.None);
    }

    public override ValueTask<Errno> Fallocate(in FuseRequest request, NodeId node, FileHandle handle, long offset, long lengthBytes, uint mode)
    {
        Check(offset >= 0 && lengthBytes >= 0 && offset <= long.MaxValue - lengthBytes, "a range has no end");
        return new(Errno.None);
    }

    public override ValueTask<FuseResult<long>> Seek(in FuseRequest request, NodeId node, FileHandle handle, long offset, uint whence) => new(offset);

    public override ValueTask<FuseResult<long>> CopyFileRange(
        in FuseRequest request, NodeId node, FileHandle handle, long offset, NodeId toNode, FileHandle toHandle, long toOffset, long lengthBytes, ulong flags)
    {
        Check(offset >= 0 && toOffset >= 0 && lengthBytes >= 0 && offset <= long.MaxValue - lengthBytes && toOffset <= long.MaxValue - lengthBytes, "a range has no end");
        return new(lengthBytes);
    }

    public override ValueTask<FuseResult<FileLock>> GetLock(in FuseRequest request, NodeId node, FileHandle handle, FileLock wanted)
    {
        CheckLock(wanted);
        return new(wanted);
    }

    public override ValueTask<Errno> SetLock(in FuseRequest request, NodeId node, FileHandle handle, FileLock wanted, bool wait)
    {
        CheckLock(wanted);
        return new(Errno.None);
    }

    private ValueTask<FuseResult<EntryReply>> Entry(NodeId node, ReadOnlySpan<byte> name)
    {
        CheckName(name);
        return node.Value % 11 == 7 ? Refuse<EntryReply>(Errno.ENOENT) : new(EntryOf(node));
    }

    private ValueTask<Errno> Done(ReadOnlySpan<byte> name)
    {
        CheckName(name);
        return new(Errno.None);
    }

    private static ValueTask<FuseResult<AttributesReply>> Attributes(NodeId node) =>
        new(new AttributesReply { Attributes = EntryOf(node).Attributes, AttributeTimeout = TimeSpan.FromTicks((long)node.Value) });

    private static EntryReply EntryOf(NodeId node) => new()
    {
        Node = node,
        Generation = node.Value,
        Attributes = new FuseAttributes { Ino = node.Value, SizeBytes = node.Value, Mode = (uint)node.Value, ModifyTime = new FuseTime((long)node.Value, 1), DeviceNumber = (uint)node.Value },
        EntryTimeout = TimeSpan.FromTicks((long)node.Value),
        AttributeTimeout = TimeSpan.MaxValue,
    };

    private static OpenReply Opened(NodeId node) => new() { Handle = new FileHandle(node.Value), Flags = (OpenReplyFlags)(uint)node.Value, Backing = new BackingId((int)node.Value) };

    /// <summary>Some longer than what an xattr may be.</summary>
    private static FuseResult<ReadOnlyMemory<byte>> Bytes(NodeId node) => (ReadOnlyMemory<byte>)Value.AsMemory(0, (int)(node.Value % (ulong)Value.Length));

    private void CheckName(ReadOnlySpan<byte> name) =>
        Check(name.Length is > 0 and <= 255 && !name.ContainsAny((byte)0, (byte)'/') && !name.SequenceEqual("."u8) && !name.SequenceEqual(".."u8), "a name is none that a directory may hold");

    private void CheckXattr(ReadOnlySpan<byte> name) => Check(name.Length is > 0 and <= 255 && !name.Contains((byte)0), "a name of an attribute is none");

    private void CheckLock(in FileLock wanted) => Check(wanted.Start <= wanted.End && wanted.Kind <= FileLockKind.Unlock, "a lock is none");

    private void Check(bool isSo, string what)
    {
        if (!isSo)
            Malformed ??= $"A filesystem is asked where {what}.";
    }
}
