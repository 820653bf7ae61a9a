using System.Collections.Concurrent;
using Afs.Fuse;
using Afs.Platform;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>
/// Restores what a predecessor told the kernel: the nodes, and the open files and directories. Runs once, before the session resumes. A handle that can't be restored
/// is unknown: operations on it fail, and its release does nothing.
/// </summary>
internal sealed class TakeOverRun(VfsMount mount, MountRecords records, IHeldFiles held)
{
    /// <summary>How many open files could not be restored.</summary>
    public int Lost { get; private set; }

    /// <summary>How many open files go on.</summary>
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
        IReadOnlyList<Fid> locked = mount.Locks.TakeOver();
        mount.Cache.Locks?.TakeOver(locked);
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
            Durability = (Durability)record.Durability,
            RefusedBefore = mount.Cache.Operations.RefusalsIn(node.Fid),
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

        mount.Directories.TakeOver(handle, new OpenDirectory(node, new RequestId(record.Request), mount.Cache.Operations.RefusalsIn(node.Fid)));
        mount.Unanswered.Add(record.Request, handle);
    }

    /// <summary>The last status, as far as it was recorded. Length and times come from the container.</summary>
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

/// <summary>
/// Takes back the names that a dead daemon gave the kernel, one by one: the kernel looks each up again, and what is mounted on it stays.
/// A directory with a request on its way is locked until the request is answered, and only the next daemon answers it. So the names of such a directory are taken back
/// later, and the next daemon doesn't wait for them.
/// </summary>
public sealed class PredecessorNames
{
    private const int MostThreads = 16;

    /// <summary>If no name could be taken back for this long, all that are left wait for locks.</summary>
    private static readonly TimeSpan LongestHold = TimeSpan.FromMilliseconds(250);

    private readonly IRecordArray _records;
    private readonly IFuseNotifier _notifier;
    private readonly ConcurrentQueue<(NodeId Directory, (int Index, byte[] Name)[] Names)> _directories = new();
    private readonly ManualResetEventSlim _done = new();
    private readonly TimeProvider _time;
    private long _progressAt;
    private int _left;

    private PredecessorNames(IRecordArray records, IFuseNotifier notifier, TimeProvider time) =>
        (_records, _notifier, _time, _progressAt) = (records, notifier, time, time.GetTimestamp());

    /// <summary>Called before the next daemon first talks to the server, and before it adds a record.</summary>
    public static void TakeBack(IRecordArray records, IFuseNotifier notifier, FuseConnectionInfo connection, TimeProvider time)
    {
        // A daemon of an older version gave names too, and didn't record them: all names go at once.
        if (connection.HasExpireOnly)
            new PredecessorNames(records, notifier, time).Run();
        else
            notifier.IncrementEpoch();
    }

    private void Run()
    {
        foreach (IGrouping<NodeId, (int Index, byte[] Name)> directory in NameRecords.Read(_records))
            _directories.Enqueue((directory.Key, [.. directory]));
        _left = _directories.Count;
        if (_left == 0)
            return;
        for (int thread = 0; thread < Math.Min(_left, MostThreads); thread++)
            new Thread(Work) { Name = KilledDaemon.TakenNamesThread, IsBackground = true }.Start();
        while (!_done.Wait(LongestHold) && _time.GetElapsedTime(Volatile.Read(ref _progressAt)) < LongestHold)
        {
        }
    }

    private void Work()
    {
        while (_directories.TryDequeue(out (NodeId Directory, (int Index, byte[] Name)[] Names) directory))
        {
            foreach ((int index, byte[] name) in directory.Names)
            {
                _notifier.ExpireEntry(directory.Directory, name);
                NameRecords.Clear(_records, index);
                Volatile.Write(ref _progressAt, _time.GetTimestamp());
            }

            if (Interlocked.Decrement(ref _left) == 0)
                _done.Set();
        }
    }
}

/// <summary>
/// Handles that a predecessor made, by the request that each was made for. If the kernel sends such a request again, it never learned the handle, and will never release it. The kernel
/// numbers its requests upwards, so no request is taken for another. Filled before the session resumes.
/// </summary>
internal sealed class Unanswered
{
    /// <summary>FUSE_UNIQUE_RESEND.</summary>
    private const ulong Resent = 1UL << 63;

    private readonly ConcurrentDictionary<ulong, FileHandle> _handles = new();

    public void Add(ulong request, FileHandle handle) => _handles[request & ~Resent] = handle;

    /// <summary>If this request was sent again: the handle that the predecessor made for it.</summary>
    public bool TryTake(RequestId request, out FileHandle handle)
    {
        handle = default;
        return (request.Value & Resent) != 0 && _handles.TryRemove(request.Value & ~Resent, out handle);
    }
}
