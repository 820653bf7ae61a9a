using System.Text;

namespace Afs.Fuse.Tests.Support;

/// <summary>Answers every operation, and keeps how it was asked: the method, the node and each argument.</summary>
internal sealed class RecordingFileSystem : FuseFileSystem
{
    public static readonly FuseAttributes Attributes = new()
    {
        Ino = 21,
        SizeBytes = 22,
        Blocks = 23,
        AccessTime = new FuseTime(24, 25),
        ModifyTime = new FuseTime(26, 27),
        ChangeTime = new FuseTime(28, 29),
        Mode = 0x81A4,
        LinkCount = 30,
        Uid = 31,
        Gid = 32,
        DeviceNumber = 33,
        BlockSizeBytes = 4096,
    };

    public static readonly EntryReply EntryAnswer = new() { Node = new NodeId(41), Generation = 42, Attributes = Attributes, EntryTimeout = TimeSpan.FromSeconds(43), AttributeTimeout = TimeSpan.FromSeconds(44) };

    public static readonly OpenReply OpenAnswer = new() { Handle = new FileHandle(51), Flags = OpenReplyFlags.KeepCache };

    public static readonly StatFsReply StatFsAnswer = new() { Blocks = 1, BlocksFree = 2, BlocksAvailable = 3, Files = 4, FilesFree = 5, BlockSizeBytes = 6, NameMaxBytes = 7, FragmentSizeBytes = 8 };

    private readonly List<string> _calls = [];

    /// <summary>What every operation answers; <see cref="Errno.None"/>: its value.</summary>
    public Errno Refusal { get; set; }

    public bool HasCalls
    {
        get
        {
            lock (_calls)
            {
                return _calls.Count > 0;
            }
        }
    }

    /// <summary>The calls since this was asked last.</summary>
    public string TakeCalls()
    {
        lock (_calls)
        {
            string calls = string.Join("; ", _calls);
            _calls.Clear();
            return calls;
        }
    }

    public override ValueTask<FuseResult<EntryReply>> Lookup(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name) => Answer(request, EntryAnswer, $"Lookup {parent} {Text(name)}");

    public override void Forget(NodeId node, ulong lookups) => Note($"Forget {node} {lookups}");

    public override ValueTask<FuseResult<AttributesReply>> GetAttributes(in FuseRequest request, NodeId node, FileHandle? handle) => Answer(request, new AttributesReply { Attributes = Attributes, AttributeTimeout = TimeSpan.FromSeconds(45) }, $"GetAttributes {node} {handle?.Value}");

    public override ValueTask<FuseResult<AttributesReply>> SetAttributes(in FuseRequest request, NodeId node, in SetAttributesRequest set) =>
        Answer(request, new AttributesReply { Attributes = Attributes, AttributeTimeout = TimeSpan.FromSeconds(46) }, $"SetAttributes {node} {(uint)set.Mask} {set.Handle.Value} {set.SizeBytes} {Text(set.AccessTime)} {Text(set.ModifyTime)} {Text(set.ChangeTime)} {set.Mode} {set.Uid} {set.Gid}");

    public override ValueTask<FuseResult<ReadOnlyMemory<byte>>> ReadLink(in FuseRequest request, NodeId node) => Answer(request, (ReadOnlyMemory<byte>)"../target"u8.ToArray(), $"ReadLink {node}");

    public override ValueTask<FuseResult<EntryReply>> SymLink(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, ReadOnlySpan<byte> target) => Answer(request, EntryAnswer, $"SymLink {parent} {Text(name)} {Text(target)}");

    public override ValueTask<FuseResult<EntryReply>> MakeNode(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, uint mode, uint deviceNumber, uint umask) => Answer(request, EntryAnswer, $"MakeNode {parent} {Text(name)} {mode} {deviceNumber} {umask}");

    public override ValueTask<FuseResult<EntryReply>> MakeDirectory(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, uint mode, uint umask) => Answer(request, EntryAnswer, $"MakeDirectory {parent} {Text(name)} {mode} {umask}");

    public override ValueTask<Errno> Unlink(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name) => Answer(request, $"Unlink {parent} {Text(name)}");

    public override ValueTask<Errno> RemoveDirectory(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name) => Answer(request, $"RemoveDirectory {parent} {Text(name)}");

    public override ValueTask<Errno> Rename(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, NodeId newParent, ReadOnlySpan<byte> newName, uint flags) => Answer(request, $"Rename {parent} {Text(name)} {newParent} {Text(newName)} {flags}");

    public override ValueTask<FuseResult<EntryReply>> Link(in FuseRequest request, NodeId node, NodeId newParent, ReadOnlySpan<byte> newName) => Answer(request, EntryAnswer, $"Link {node} {newParent} {Text(newName)}");

    public override ValueTask<FuseResult<OpenReply>> Open(in FuseRequest request, NodeId node, int openFlags, bool killSuidGid) => Answer(request, OpenAnswer, $"Open {node} {openFlags} {killSuidGid}");

    public override ValueTask<FuseResult<CreateReply>> Create(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, uint mode, uint umask, int openFlags) => Answer(request, new CreateReply { Entry = EntryAnswer, Open = OpenAnswer }, $"Create {parent} {Text(name)} {mode} {umask} {openFlags}");

    public override ValueTask<FuseResult<CreateReply>> TemporaryFile(in FuseRequest request, NodeId parent, uint mode, uint umask, int openFlags) => Answer(request, new CreateReply { Entry = EntryAnswer, Open = OpenAnswer }, $"TemporaryFile {parent} {mode} {umask} {openFlags}");

    public override ValueTask<FuseResult<int>> Read(in FuseRequest request, NodeId node, FileHandle handle, long offset, Memory<byte> destination)
    {
        int count = Math.Min(3, destination.Length);
        "abc"u8[..count].CopyTo(destination.Span);
        return Answer(request, count, $"Read {node} {handle.Value} {offset} {destination.Length}");
    }

    public override ValueTask<FuseResult<int>> Write(in FuseRequest request, NodeId node, FileHandle handle, long offset, ReadOnlyMemory<byte> data, WriteTraits traits) => Answer(request, data.Length, $"Write {node} {handle.Value} {offset} {Text(data.Span)} {traits}");

    public override ValueTask<Errno> Flush(in FuseRequest request, NodeId node, FileHandle handle, ulong lockOwner) => Answer(request, $"Flush {node} {handle.Value} {lockOwner}");

    public override ValueTask<Errno> Fsync(in FuseRequest request, NodeId node, FileHandle handle, bool dataOnly) => Answer(request, $"Fsync {node} {handle.Value} {dataOnly}");

    public override ValueTask<Errno> Release(in FuseRequest request, NodeId node, FileHandle handle, int openFlags, bool flockUnlock, ulong lockOwner) => Answer(request, $"Release {node} {handle.Value} {openFlags} {flockUnlock} {lockOwner}");

    public override ValueTask<FuseResult<OpenReply>> OpenDirectory(in FuseRequest request, NodeId node, int openFlags) => Answer(request, OpenAnswer, $"OpenDirectory {node} {openFlags}");

    public override ValueTask<Errno> PrepareDirectory(in FuseRequest request, NodeId node, FileHandle handle, ulong offset, bool isPlus) => Answer(request, $"PrepareDirectory {node} {handle.Value} {offset} {isPlus}");

    public override Errno ReadDirectory(in FuseRequest request, NodeId node, FileHandle handle, ulong offset, scoped ref DirectoryFiller filler)
    {
        Note($"ReadDirectory {node} {handle.Value} {offset} {filler.IsPlus}");
        filler.TryAdd("a"u8, 61, 1, 0x8000, EntryAnswer);
        return Errno.None;
    }

    public override ValueTask<Errno> FsyncDirectory(in FuseRequest request, NodeId node, FileHandle handle, bool dataOnly) => Answer(request, $"FsyncDirectory {node} {handle.Value} {dataOnly}");

    public override ValueTask<Errno> ReleaseDirectory(in FuseRequest request, NodeId node, FileHandle handle) => Answer(request, $"ReleaseDirectory {node} {handle.Value}");

    public override ValueTask<FuseResult<StatFsReply>> StatFs(in FuseRequest request, NodeId node) => Answer(request, StatFsAnswer, $"StatFs {node}");

    public override ValueTask<Errno> Access(in FuseRequest request, NodeId node, uint mask) => Answer(request, $"Access {node} {mask}");

    public override ValueTask<Errno> SetXattr(in FuseRequest request, NodeId node, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, uint flags, bool killSgid) => Answer(request, $"SetXattr {node} {Text(name)} {Text(value)} {flags} {killSgid}");

    public override ValueTask<FuseResult<ReadOnlyMemory<byte>>> GetXattr(in FuseRequest request, NodeId node, ReadOnlySpan<byte> name) => Answer(request, (ReadOnlyMemory<byte>)"value"u8.ToArray(), $"GetXattr {node} {Text(name)}");

    public override ValueTask<FuseResult<ReadOnlyMemory<byte>>> ListXattr(in FuseRequest request, NodeId node) => Answer(request, (ReadOnlyMemory<byte>)"user.a\0"u8.ToArray(), $"ListXattr {node}");

    public override ValueTask<Errno> RemoveXattr(in FuseRequest request, NodeId node, ReadOnlySpan<byte> name) => Answer(request, $"RemoveXattr {node} {Text(name)}");

    public override ValueTask<Errno> Fallocate(in FuseRequest request, NodeId node, FileHandle handle, long offset, long lengthBytes, uint mode) => Answer(request, $"Fallocate {node} {handle.Value} {offset} {lengthBytes} {mode}");

    public override ValueTask<FuseResult<long>> Seek(in FuseRequest request, NodeId node, FileHandle handle, long offset, uint whence) => Answer(request, offset + 1, $"Seek {node} {handle.Value} {offset} {whence}");

    public override ValueTask<FuseResult<long>> CopyFileRange(in FuseRequest request, NodeId node, FileHandle handle, long offset, NodeId toNode, FileHandle toHandle, long toOffset, long lengthBytes, ulong flags) =>
        Answer(request, lengthBytes, $"CopyFileRange {node} {handle.Value} {offset} {toNode} {toHandle.Value} {toOffset} {lengthBytes} {flags}");

    public override ValueTask<FuseResult<FileLock>> GetLock(in FuseRequest request, NodeId node, FileHandle handle, FileLock wanted) => Answer(request, wanted, $"GetLock {node} {handle.Value} {Text(wanted)}");

    public override ValueTask<Errno> SetLock(in FuseRequest request, NodeId node, FileHandle handle, FileLock wanted, bool wait) => Answer(request, $"SetLock {node} {handle.Value} {Text(wanted)} {wait}");

    private ValueTask<FuseResult<T>> Answer<T>(in FuseRequest request, T value, string call) => Answer(request, call) is { Result: var error } && error != Errno.None ? Refuse<T>(error) : new(value);

    private ValueTask<Errno> Answer(in FuseRequest request, string call)
    {
        Note($"{request.Uid}/{request.Gid}/{request.Pid} {call}");
        return new(Refusal);
    }

    private void Note(string call)
    {
        lock (_calls)
        {
            _calls.Add(call);
        }
    }

    private static string Text(FileLock of) => $"{of.Owner} {of.Start}-{of.End} {of.Kind} {of.Pid} {of.IsFlock}";

    private static string Text(FuseTime time) => $"{time.Seconds}.{time.Nanoseconds}";

    private static string Text(ReadOnlySpan<byte> bytes) => Encoding.Latin1.GetString(bytes);
}
