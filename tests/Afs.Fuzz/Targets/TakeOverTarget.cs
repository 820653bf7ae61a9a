using Afs.Fuse;
using Afs.Platform;
using Afs.Venus.Vfs;
using Afs.Vfs.Tests;
using Afs.Wire;

namespace Afs.Fuzz;

/// <summary>
/// What a daemon finds of its predecessor in the take-over folder: for each kind of record their number in one byte, then the records. Whatever they say, the
/// mount goes on: what makes no sense isn't known any more.
/// </summary>
internal sealed class TakeOverTarget : Target
{
    private const int MostRecords = 24;
    private const int ReadWrite = 2;

    private static readonly int[] Sizes = [NodeRecord.SizeBytes, OpenFileRecord.SizeBytes, OpenDirectoryRecord.SizeBytes, NameRecords.SizeBytes, LockRecord.SizeBytes];

    private readonly FakeCache _cache = new();
    private readonly Fid[] _fids;

    public TakeOverTarget() => _fids = [_cache.Add("f", "content"), _cache.Add("g", "other")];

    public override string Name => "take-over";

    public override string About => "what a daemon leaves its successor: nodes, open files, names, locks";

    public override int MostBytes => 8192;

    public override long ShortExecutions => 1_500;

    /// <summary>A filesystem and all its tables are made for each input.</summary>
    public override long MostAllocatedBytes(int inputBytes) => 512 * 1024 + 256L * inputBytes;

    public override IEnumerable<byte[]> Seeds()
    {
        MountRecords records = FakeRecords.Make();
        using VfsFileSystem first = Make(records);
        var asker = new FuseRequest(new RequestId(7), 1000, 1000, 1, CancellationToken.None);
        EntryReply f = Get(first.Lookup(asker, NodeId.Root, "f"u8)), g = Get(first.Lookup(asker, NodeId.Root, "g"u8));
        yield return Write(records);
        OpenReply open = Get(first.Open(asker, f.Node, ReadWrite, killSuidGid: false));
        Get(first.Open(asker with { Id = new RequestId(8) }, g.Node, 0, killSuidGid: false));
        Get(first.OpenDirectory(asker with { Id = new RequestId(9) }, NodeId.Root, 0));
        _ = first.SetLock(asker, f.Node, open.Handle, new FileLock(5, 10, 20, FileLockKind.Write, 1, IsFlock: false), wait: false);
        _ = first.SetLock(asker, f.Node, open.Handle, new FileLock(6, 0, ulong.MaxValue, FileLockKind.Read, 1, IsFlock: true), wait: false);
        yield return Write(records);
        first.Forget(g.Node, 1);
        _ = first.Release(asker, f.Node, open.Handle, 0, flockUnlock: false, 0);
        yield return Write(records);
    }

    public override bool Run(ReadOnlySpan<byte> input)
    {
        MountRecords records = Read(input);
        _ = records.ReadHeld().Count;
        Holds(records.ReadNodeIds()[0].Node == NodeId.Root, "The kernel knows the root.");
        foreach (IGrouping<NodeId, (int Index, byte[] Name)> names in NameRecords.Read(records.Names))
            Holds(names.All(static name => name.Name.Length is > 0 and <= NameRecords.SizeBytes), "A name that is taken back is one.");
        using VfsFileSystem second = Make(records);
        var held = new FakeHeldFiles(_cache, _fids);
        (int files, int lost) = second.TakeOver(held);
        Holds(held.IsFinished && files >= 0 && lost >= 0, "Whatever is found, the cache hears that all was looked at.");
        GoOn(second, records);
        return files > 0;
    }

    /// <summary>The mount works: what is new is apart from all that a predecessor gave.</summary>
    private static void GoOn(VfsFileSystem fileSystem, MountRecords records)
    {
        HashSet<ulong> handles = [.. OpenFileRecords.Read(records.Files).Where(static r => r.IsOpen != 0).Select(static r => r.Handle)];
        var asker = new FuseRequest(new RequestId(1 << 20), 1000, 1000, 1, CancellationToken.None);
        EntryReply entry = Get(fileSystem.Lookup(asker, NodeId.Root, "f"u8));
        Holds(entry.Node.Value > NodeId.Root.Value, "A file has a node.");
        OpenReply open = Get(fileSystem.Open(asker, entry.Node, ReadWrite, killSuidGid: false));
        Holds(!handles.Contains(open.Handle.Value), "No handle is given twice.");
        foreach (ulong handle in handles)
            Errno(fileSystem.Release(asker, entry.Node, new FileHandle(handle), 0, flockUnlock: false, 0));
        Errno(fileSystem.SetLock(asker, entry.Node, open.Handle, new FileLock(99, 15, 16, FileLockKind.Write, 1, IsFlock: false), wait: false));
        Errno(fileSystem.SetLock(asker, entry.Node, open.Handle, new FileLock(99, 0, ulong.MaxValue, FileLockKind.Unlock, 1, IsFlock: false), wait: false));
        Errno(fileSystem.Release(asker, entry.Node, open.Handle, 0, flockUnlock: true, 0));
        fileSystem.Forget(entry.Node, 1);
        fileSystem.Stopped();
    }

    private VfsFileSystem Make(MountRecords records)
    {
        var fileSystem = new VfsFileSystem(_cache, TimeProvider.System, new VfsOptions { MaxServedBytes = -1 }, records);
        fileSystem.Started(
            new FuseConnectionInfo { Major = 7, Minor = 45, Flags = 0, MaxWriteBytes = 1 << 20, Passthrough = true, HasEpoch = true, HasExpireOnly = true, HasResend = true }, new FakeKernel());
        return fileSystem;
    }

    private static MountRecords Read(ReadOnlySpan<byte> input)
    {
        var fields = new InputFields(input);
        FakeRecords[] arrays = [.. Sizes.Select(static size => new FakeRecords(size))];
        for (int kind = 0; kind < arrays.Length; kind++)
        {
            int count = fields.Byte() % (MostRecords + 1);
            for (int index = 0; index < count; index++)
                fields.Take(Sizes[kind]).CopyTo(arrays[kind].At(index));
        }
        return new MountRecords(arrays[0], arrays[1], arrays[2], arrays[3], arrays[4]);
    }

    private static byte[] Write(MountRecords records)
    {
        var bytes = new List<byte>();
        foreach (IRecordArray array in (IRecordArray[])[records.Nodes, records.Files, records.Directories, records.Names, records.Locks])
        {
            bytes.Add((byte)array.Count);
            for (int index = 0; index < array.Count; index++)
                bytes.AddRange(array.At(index));
        }
        return [.. bytes];
    }

    private static T Get<T>(ValueTask<FuseResult<T>> answer)
    {
        FuseResult<T> result = answer.AsTask().GetAwaiter().GetResult();
        Holds(result.IsSuccess, $"The mount works on, and says {result.Error}.");
        return result.Value;
    }

    private static void Errno(ValueTask<Errno> answer) => answer.AsTask().GetAwaiter().GetResult();
}
