using System.Collections.Concurrent;
using System.Text;

namespace Afs.Fuse.Tests.Support;

/// <summary>Answers a few operations as a test tells it, and keeps what the session gave back.</summary>
internal sealed class ScriptedFileSystem : FuseFileSystem
{
    public ConcurrentQueue<string> Calls { get; } = new();

    public Func<FuseRequest, string, ValueTask<FuseResult<EntryReply>>> OnLookup { get; set; } = (_, _) => Refuse<EntryReply>(Errno.ENOENT);

    public Func<Memory<byte>, ValueTask<FuseResult<int>>> OnRead { get; set; } = _ => Refuse<int>(Errno.EIO);

    public Func<ReadOnlyMemory<byte>, ValueTask<FuseResult<int>>> OnWrite { get; set; } = data => new(data.Length);

    public Action OnRelease { get; set; } = static () => { };

    public byte[] Xattr { get; set; } = [];

    public TaskCompletionSource<Errno>? DirectoryPrepared { get; set; }

    public Errno DirectoryError { get; set; }

    public bool IsStopped { get; private set; }

    public override void Stopped() => IsStopped = true;

    public override ValueTask<FuseResult<EntryReply>> Lookup(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name) =>
        OnLookup(request, Encoding.UTF8.GetString(name));

    public override void Forget(NodeId node, ulong lookups) => Calls.Enqueue($"forget {node.Value} {lookups}");

    public override ValueTask<FuseResult<OpenReply>> Open(in FuseRequest request, NodeId node, int openFlags, bool killSuidGid) =>
        new(new OpenReply { Handle = new FileHandle(9) });

    public override ValueTask<FuseResult<CreateReply>> Create(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, uint mode, uint umask, int openFlags) =>
        new(new CreateReply { Entry = new EntryReply { Node = new NodeId(7) }, Open = new OpenReply { Handle = new FileHandle(9) } });

    public override ValueTask<Errno> Release(in FuseRequest request, NodeId node, FileHandle handle, int openFlags, bool flockUnlock, ulong lockOwner)
    {
        Calls.Enqueue($"release {node.Value} {handle.Value} {openFlags}");
        OnRelease();
        return new(Errno.None);
    }

    public override ValueTask<FuseResult<OpenReply>> OpenDirectory(in FuseRequest request, NodeId node, int openFlags) =>
        new(new OpenReply { Handle = new FileHandle(10) });

    public override ValueTask<Errno> ReleaseDirectory(in FuseRequest request, NodeId node, FileHandle handle)
    {
        Calls.Enqueue($"releasedir {node.Value} {handle.Value}");
        return new(Errno.None);
    }

    public override ValueTask<FuseResult<int>> Read(in FuseRequest request, NodeId node, FileHandle handle, long offset, Memory<byte> destination) => OnRead(destination);

    public override ValueTask<FuseResult<int>> Write(in FuseRequest request, NodeId node, FileHandle handle, long offset, ReadOnlyMemory<byte> data, WriteTraits traits) => OnWrite(data);

    public override ValueTask<FuseResult<ReadOnlyMemory<byte>>> GetXattr(in FuseRequest request, NodeId node, ReadOnlySpan<byte> name) => new((ReadOnlyMemory<byte>)Xattr);

    public override ValueTask<Errno> PrepareDirectory(in FuseRequest request, NodeId node, FileHandle handle, ulong offset, bool isPlus) =>
        DirectoryPrepared is { } prepared ? new(prepared.Task) : new(Errno.None);

    public override Errno ReadDirectory(in FuseRequest request, NodeId node, FileHandle handle, ulong offset, scoped ref DirectoryFiller filler)
    {
        filler.TryAdd("a"u8, 20, 1, 0x8000, new EntryReply { Node = new NodeId(20) });
        filler.TryAdd("b"u8, 21, 2, 0x8000, new EntryReply { Node = new NodeId(21) });
        return DirectoryError;
    }
}
