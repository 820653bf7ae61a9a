using Afs.Fuse;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>
/// The cache manager as a Linux filesystem. Each operation finds its nodes and goes to the type that does it; this file only says which. What can
/// be answered from memory completes at once, on the thread that read the request; the rest waits in tasks that end when the
/// request is interrupted.
/// </summary>
public sealed partial class VfsFileSystem : FuseFileSystem, IDisposable
{
    private readonly VfsMount _mount;
    private readonly MountRecords? _records;
    private readonly LateInvalidations _late;
    private readonly Lookups _lookups;
    private readonly FileOpener _opener;
    private readonly FileContent _content;
    private readonly Creations _creations;
    private readonly Removals _removals;
    private readonly DirectoryReader _directories;
    private readonly AttributeWriter _attributes;
    private readonly ExtendedAttributes _xattrs;

    /// <param name="records">What a successor finds; null: the mount ends with this daemon.</param>
    public VfsFileSystem(ICacheManager cache, TimeProvider time, VfsOptions options, MountRecords? records = null)
    {
        _records = records;
        _mount = new VfsMount(cache, time, options, records);
        _lookups = new Lookups(_mount);
        _opener = new FileOpener(_mount);
        _content = new FileContent(_mount);
        _creations = new Creations(_mount, _lookups, _opener);
        _removals = new Removals(_mount);
        _directories = new DirectoryReader(_mount);
        _attributes = new AttributeWriter(_mount, new Truncation(_mount, _opener));
        _xattrs = new ExtendedAttributes(_mount);
        _late = new LateInvalidations(_mount.Kernel, time);
        cache.AttachKernel(new KernelCaches(_mount.Nodes, _mount.Kernel, _late));
    }

    /// <summary>Nodes that the kernel knows.</summary>
    public int NodeCount => _mount.Nodes.Count;

    /// <summary>Takes over what a predecessor recorded, before the session resumes. The values: open files that go on, and those that can't.</summary>
    public (int Files, int Lost) TakeOver(IHeldFiles held)
    {
        var run = new TakeOverRun(_mount, _records ?? throw new InvalidOperationException("Nothing was recorded."), held);
        run.Run();
        return (run.Files, run.Lost);
    }

    public override void Started(FuseConnectionInfo connection, IFuseNotifier notifier) => _mount.Kernel.Start(connection, notifier);

    /// <summary>Lets go of what the kernel still had open, as if it had been released.</summary>
    public override void Stopped()
    {
        foreach (OpenFile file in _mount.Files.Drain())
            file.Container.Dispose();
        _mount.Directories.Drain();
    }

    public override void Forget(NodeId node, ulong lookups) => _mount.Entries.Forget(node, lookups);

    public override ValueTask<FuseResult<StatFsReply>> StatFs(in FuseRequest request, NodeId node)
    {
        return ReadAsync(_mount.Cache.Operations, request.Interrupted);

        static async ValueTask<FuseResult<StatFsReply>> ReadAsync(IFileOperations operations, CancellationToken cancellation)
        {
            Result<GetVolumeStatusReply> status = await operations.GetVolumeStatusAsync(cancellation);
            return status.IsSuccess ? StatFsFigures.ToReply(status.Value) : status.Failure.ToErrno();
        }
    }

    public void Dispose() => _late.Dispose();

    /// <summary>The request of a new handle. Where a predecessor made one for it already, the kernel never learned that one.</summary>
    private RequestId Opening(in FuseRequest request)
    {
        if (_mount.Unanswered.TryTake(request.Id, out FileHandle unknown))
            _opener.Release(unknown);
        return request.Id;
    }

    /// <summary>The node, if the kernel may still name it and it is of that kind.</summary>
    private bool TryFind<TNode>(NodeId id, out TNode node)
        where TNode : Node
    {
        var found = _mount.Nodes.Find(id) as TNode;
        node = found!;
        return found is not null;
    }
}
