using Afs.Fuse;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>
/// Brings back what a predecessor told the kernel: its nodes, and what is open. Runs once, before the session resumes. What can't be brought back
/// isn't known any more: its operations fail, and its release does nothing.
/// </summary>
internal sealed class TakeOverRun(VfsMount mount, MountRecords records, IHeldFiles held)
{
    /// <summary>Open files that could not be brought back.</summary>
    public int Lost { get; private set; }

    public int Files { get; private set; }

    public void Run()
    {
        foreach ((Node node, NodeRecord record) in mount.Nodes.TakeOver())
        {
            if (record.IsRemoved != 0)
                held.RestoreRemoved(LastStatus(node, record));
        }

        foreach (OpenFileRecord record in OpenFileRecords.Read(records.Files))
            TakeOver(record);
        foreach (OpenDirectoryRecord record in OpenDirectoryRecords.Read(records.Directories))
            TakeOver(record);
        held.Finish();
    }

    private void TakeOver(in OpenFileRecord record)
    {
        var handle = new FileHandle(record.Handle);
        if (record.IsOpen == 0
            || mount.Nodes.Find(new NodeId(record.Node)) is not FileNode node
            || held.TryTake(new ContainerId(record.Container), record.IsWritable != 0) is not { } container)
        {
            mount.Files.TakeOverClosed(handle);
            Lost += record.IsOpen;
            return;
        }

        var file = new OpenFile(node, container, record.IsWritable != 0, known: null)
        {
            Request = new RequestId(record.Request),
            Backing = new BackingId(record.Backing),
        };
        node.TakeOver(file);
        mount.Files.TakeOver(handle, file);
        mount.Unanswered.Add(record.Request, handle);
        Files++;
    }

    private void TakeOver(in OpenDirectoryRecord record)
    {
        var handle = new FileHandle(record.Handle);
        if (record.IsOpen == 0 || mount.Nodes.Find(new NodeId(record.Node)) is not DirectoryNode node)
        {
            mount.Directories.TakeOverClosed(handle);
            return;
        }

        mount.Directories.TakeOver(handle, new OpenDirectory(node, new RequestId(record.Request)));
        mount.Unanswered.Add(record.Request, handle);
    }

    /// <summary>As far as it was recorded; length and times are those of the container.</summary>
    private FetchStatus LastStatus(Node node, NodeRecord record) => new()
    {
        Fid = node.Fid,
        Type = node.Type,
        Mode = record.Mode,
        Uid = record.Uid,
        Gid = record.Gid,
        LengthBytes = 0,
        AllocatedBytes = 0,
        LinkCount = 0,
        DataVersion = DataVersion.None,
        StatusVersion = default,
        AccessTime = mount.Cache.Operations.Now,
        ModifyTime = mount.Cache.Operations.Now,
        ChangeTime = mount.Cache.Operations.Now,
    };
}
