using System.Text;

namespace Afs.Fuse.Tests.Support;

/// <summary>Holds everything that brings a lookup or an open back until a test says go, and counts what waits.</summary>
internal sealed class UndoneFileSystem(Task go, ScriptedFileSystem inner) : FuseFileSystem
{
    private int _waiting;

    public int Waiting => Volatile.Read(ref _waiting);

    public override void Forget(NodeId node, ulong lookups) => inner.Forget(node, lookups);

    public override ValueTask<FuseResult<EntryReply>> Lookup(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name)
    {
        (FuseRequest r, byte[] n) = (request, name.ToArray());
        return AfterGo(() => inner.Lookup(r, parent, n));
    }

    public override ValueTask<FuseResult<OpenReply>> Open(in FuseRequest request, NodeId node, int openFlags, bool killSuidGid)
    {
        FuseRequest r = request;
        return AfterGo(() => inner.Open(r, node, openFlags, killSuidGid));
    }

    public override ValueTask<FuseResult<CreateReply>> Create(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, uint mode, uint umask, int openFlags)
    {
        FuseRequest r = request;
        return AfterGo(() => inner.Create(r, parent, Encoding.UTF8.GetBytes("file"), mode, umask, openFlags));
    }

    public override ValueTask<FuseResult<OpenReply>> OpenDirectory(in FuseRequest request, NodeId node, int openFlags)
    {
        FuseRequest r = request;
        return AfterGo(() => inner.OpenDirectory(r, node, openFlags));
    }

    public override ValueTask<Errno> PrepareDirectory(in FuseRequest request, NodeId node, FileHandle handle, ulong offset, bool isPlus)
    {
        FuseRequest r = request;
        return AfterGo(() => inner.PrepareDirectory(r, node, handle, offset, isPlus));
    }

    public override Errno ReadDirectory(in FuseRequest request, NodeId node, FileHandle handle, ulong offset, scoped ref DirectoryFiller filler) =>
        inner.ReadDirectory(request, node, handle, offset, ref filler);

    public override ValueTask<Errno> Release(in FuseRequest request, NodeId node, FileHandle handle, int openFlags, bool flockUnlock, ulong lockOwner) =>
        inner.Release(request, node, handle, openFlags, flockUnlock, lockOwner);

    public override ValueTask<Errno> ReleaseDirectory(in FuseRequest request, NodeId node, FileHandle handle) =>
        inner.ReleaseDirectory(request, node, handle);

    private async ValueTask<T> AfterGo<T>(Func<ValueTask<T>> operation)
    {
        Interlocked.Increment(ref _waiting);
        await go;
        return await operation();
    }
}
