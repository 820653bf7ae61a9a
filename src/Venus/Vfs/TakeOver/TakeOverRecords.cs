using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Afs.Fuse;
using Afs.Platform;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>The records of a mount that outlive its daemon, so that a successor knows what the kernel still knows.</summary>
/// <param name="Nodes">Records of <see cref="NodeRecord.SizeBytes"/>.</param>
/// <param name="Files">Records of <see cref="OpenFileRecord.SizeBytes"/>.</param>
/// <param name="Directories">Records of <see cref="OpenDirectoryRecord.SizeBytes"/>.</param>
/// <param name="Names">Records of <see cref="NameRecords.SizeBytes"/>.</param>
/// <param name="Locks">Records of <see cref="LockRecord.SizeBytes"/>.</param>
public sealed record MountRecords(IRecordArray Nodes, IRecordArray Files, IRecordArray Directories, IRecordArray Names, IRecordArray Locks)
{
    /// <summary>The containers of files that are open. The cache has to know them when it is opened, or it would remove them as left-overs.</summary>
    public IReadOnlyList<Cache.HeldContainer> ReadHeld() => OpenFileRecords.ReadHeld(Files);

    /// <summary>The nodes that the kernel may know, and which of them are directories.</summary>
    public IReadOnlyList<(Fuse.NodeId Node, bool IsDirectory)> ReadNodeIds() => NodeRecords.ReadIds(Nodes);
}

/// <summary>One node that the kernel knows. It is valid if <see cref="Node"/> isn't zero, which is written last and cleared first.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 8, Size = SizeBytes)]
public struct NodeRecord
{
    public const int SizeBytes = 64;

    public ulong Node;
    public ulong Vnode;
    public ulong Lookups;
    public uint Volume, Uniquifier;

    /// <summary>Set for a vnode that was removed while it was in use here: the server doesn't know it any more.</summary>
    public uint Mode, Uid, Gid;
    public byte Type;
    public byte IsDetached, IsRemoved;

    /// <summary>Only in the first record, which is no node: the highest NodeId ever given.</summary>
    public ulong LastNode;
}

/// <summary>Keeps the records of nodes in step with <see cref="NodeTable"/>, under its lock. Without an array nothing is kept.</summary>
internal sealed class NodeRecords(IRecordArray? array)
{
    private const int FirstNode = 1;

    /// <summary>No mount lives long enough to give this many. A higher number in a record is damaged, and would leave no room for new ones.</summary>
    private const ulong MostNode = ulong.MaxValue >> 1;

    private readonly Stack<int> _free = new();
    private int _used = FirstNode;

    /// <summary>Every NodeId of a record, and whether it is a directory's.</summary>
    public static IReadOnlyList<(NodeId Node, bool IsDirectory)> ReadIds(IRecordArray array)
    {
        var ids = new List<(NodeId, bool)> { (NodeId.Root, true) };
        for (int index = FirstNode; index < array.Count; index++)
        {
            NodeRecord record = At(array, index);
            if (record.Node != 0)
                ids.Add((new NodeId(record.Node), (FileType)record.Type == FileType.Directory));
        }

        return ids;
    }

    /// <exception cref="Afs.Platform.DiskException">There is no room for another record.</exception>
    public void Add(Node node)
    {
        if (array is null)
            return;
        bool isReused = _free.TryPeek(out int index);
        if (!isReused)
            index = _used;
        ref NodeRecord record = ref At(array, index); // If there is no room for it, this throws, and nothing has changed.
        if (isReused)
            _free.Pop();
        else
            _used++;
        node.Record = index;
        record = new NodeRecord
        {
            Vnode = node.Fid.Vnode.Value,
            Volume = node.Fid.Volume.Value,
            Uniquifier = node.Fid.Uniquifier.Value,
            Lookups = node.Lookups,
            Type = (byte)node.Type,
        };
        Volatile.Write(ref record.Node, node.Id.Value);
        Volatile.Write(ref At(array, 0).LastNode, node.Id.Value);
    }

    public void Counted(Node node)
    {
        if (array is not null && node.Record != 0)
            At(array, node.Record).Lookups = node.Lookups;
    }

    public void Detached(Node node)
    {
        if (array is not null && node.Record != 0)
            At(array, node.Record).IsDetached = 1;
    }

    /// <summary>The vnode has no name left. From here on only this client knows its status.</summary>
    public void Removed(Node node, FetchStatus last)
    {
        if (array is null || node.Record == 0)
            return;
        ref NodeRecord record = ref At(array, node.Record);
        (record.Mode, record.Uid, record.Gid) = (last.Mode, last.Uid, last.Gid);
        Volatile.Write(ref record.IsRemoved, 1);
    }

    public void Remove(Node node)
    {
        if (array is null || node.Record == 0)
            return;
        Volatile.Write(ref At(array, node.Record).Node, 0);
        _free.Push(node.Record);
    }

    /// <summary>
    /// What a predecessor recorded, and the highest NodeId that it gave. Called once, before anything is added. A record that no daemon can have written is damaged, and is cleared:
    /// requests for such a node get ESTALE.
    /// </summary>
    public IReadOnlyList<(int Index, NodeRecord Record)> TakeOver(out ulong lastNode)
    {
        lastNode = 0;
        if (array is null)
            return [];
        var found = new List<(int, NodeRecord)>();
        var nodes = new HashSet<ulong> { NodeId.Root.Value };
        lastNode = At(array, 0).LastNode is <= MostNode and var last ? last : 0;
        for (int index = FirstNode; index < array.Count; index++)
        {
            ref NodeRecord record = ref At(array, index);
            bool isSound = record.Node <= MostNode && Enum.IsDefined((FileType)record.Type) && nodes.Add(record.Node);
            if (record.Node == 0 || !isSound)
            {
                record.Node = 0;
                continue;
            }
            for (; _used < index; _used++)
                _free.Push(_used);
            _used = index + 1;
            found.Add((index, record));
        }

        return found;
    }

    private static ref NodeRecord At(IRecordArray array, int index) => ref MemoryMarshal.AsRef<NodeRecord>(array.At(index));
}

/// <summary>
/// The names that the kernel may use without asking, so that a successor can take them back one by one. Kept in step with <see cref="KernelNames"/>, under its lock.
/// A record is the directory's NodeId, which is written last and cleared first, the name's length in one byte, and the name. Without an array nothing is kept.
/// </summary>
public sealed class NameRecords
{
    public const int SizeBytes = 128;

    /// <summary>The index of a name without a record.</summary>
    internal const int None = -1;

    private const int LengthAt = sizeof(ulong), NameAt = LengthAt + 1, MostNameBytes = SizeBytes - NameAt;

    private readonly IRecordArray? _array;
    private readonly Stack<int> _free = new();
    private int _used;

    internal NameRecords(IRecordArray? array)
    {
        _array = array;
        for (int index = (array?.Count ?? 0) - 1; index >= 0; index--)
        {
            if (ParentOf(array!.At(index)) != 0)
                _used = Math.Max(_used, index + 1);
            else if (index < _used)
                _free.Push(index);
        }
    }

    /// <summary>The names that a predecessor recorded, by directory, with the index of each record.</summary>
    internal static IEnumerable<IGrouping<NodeId, (int Index, byte[] Name)>> Read(IRecordArray array)
    {
        var found = new List<(NodeId Parent, int Index, byte[] Name)>();
        for (int index = 0; index < array.Count; index++)
        {
            Span<byte> record = array.At(index);
            int lengthBytes = Math.Min((int)record[LengthAt], MostNameBytes);
            if (ParentOf(record) is not 0 and var parent && lengthBytes > 0)
                found.Add((new NodeId(parent), index, record.Slice(NameAt, lengthBytes).ToArray()));
        }

        return found.GroupBy(static name => name.Parent, static name => (name.Index, name.Name));
    }

    internal static void Clear(IRecordArray array, int index) => BinaryPrimitives.WriteUInt64LittleEndian(array.At(index), 0);

    /// <summary>False: the name is too long for a record.</summary>
    internal bool TryAdd(NodeId parent, byte[] name, out int index)
    {
        index = None;
        if (_array is null)
            return true;
        if (name.Length > MostNameBytes)
            return false;
        if (!_free.TryPop(out index))
            index = _used++;
        Span<byte> record = _array.At(index);
        record[LengthAt] = (byte)name.Length;
        name.CopyTo(record[NameAt..]);
        Thread.MemoryBarrier();
        BinaryPrimitives.WriteUInt64LittleEndian(record, parent.Value);
        return true;
    }

    internal void Remove(int index)
    {
        if (_array is null || index == None)
            return;
        Clear(_array, index);
        _free.Push(index);
    }

    private static ulong ParentOf(Span<byte> record) => BinaryPrimitives.ReadUInt64LittleEndian(record);
}

/// <summary>Records of a <see cref="HandleTable{T}"/>, one for each of its slots. Called under the table's lock.</summary>
internal interface IHandleRecords<T>
{
    void Put(int index, FileHandle handle, T value);

    void Clear(int index);
}

/// <summary>One open directory. If <see cref="IsOpen"/> is zero, the last one that had this place, as in <see cref="OpenFileRecord"/>.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 8, Size = SizeBytes)]
public struct OpenDirectoryRecord
{
    public const int SizeBytes = 32;

    public ulong Handle;
    public ulong Node;
    public ulong Request;
    public byte IsOpen;
}

/// <summary>The records of open directories.</summary>
internal sealed class OpenDirectoryRecords(IRecordArray array) : IHandleRecords<OpenDirectory>
{
    /// <summary>The records of handles that are open, and of those that were, in the order of their places. A record that isn't at its handle's place is damaged, and left out.</summary>
    public static IEnumerable<OpenDirectoryRecord> Read(IRecordArray array)
    {
        for (int index = 0; index < array.Count; index++)
        {
            OpenDirectoryRecord record = At(array, index);
            if (record.Handle != 0 && HandleTable<OpenDirectory>.PlaceOf(new FileHandle(record.Handle)) == (uint)index)
                yield return record;
        }
    }

    public void Put(int index, FileHandle handle, OpenDirectory directory)
    {
        ref OpenDirectoryRecord record = ref At(array, index);
        record = new OpenDirectoryRecord { Handle = handle.Value, Node = directory.Node.Id.Value, Request = directory.Request.Value };
        Volatile.Write(ref record.IsOpen, 1);
    }

    public void Clear(int index) => Volatile.Write(ref At(array, index).IsOpen, 0);

    private static ref OpenDirectoryRecord At(IRecordArray array, int index) => ref MemoryMarshal.AsRef<OpenDirectoryRecord>(array.At(index));
}

/// <summary>
/// One open regular file. If <see cref="IsOpen"/> is zero, the last one that had this place, so that its handle isn't given again. IsOpen is written last and cleared first.
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 8, Size = SizeBytes)]
public struct OpenFileRecord
{
    public const int SizeBytes = 64;

    public ulong Handle;
    public ulong Node;
    public ulong Container;
    public ulong Vnode;
    public ulong BaseVersion;

    /// <summary>The request that opened it. If the kernel sends that request again, it never learned the handle.</summary>
    public ulong Request;
    public uint Volume, Uniquifier;
    public int Backing;
    public byte IsWritable, IsOpen;

    /// <summary>A value of <c>Durability</c>.</summary>
    public byte Durability;
}

/// <summary>The records of open files. A file that the daemon opens for itself isn't recorded.</summary>
internal sealed class OpenFileRecords(IRecordArray array) : IHandleRecords<OpenFile>
{
    public static IReadOnlyList<HeldContainer> ReadHeld(IRecordArray array)
    {
        var held = new Dictionary<ContainerId, HeldContainer>();
        foreach (OpenFileRecord record in Read(array).Where(static r => r.IsOpen != 0))
        {
            var id = new ContainerId(record.Container);
            bool isWritten = record.IsWritable != 0 || held.TryGetValue(id, out HeldContainer? known) && known.IsWritten;
            held[id] = new HeldContainer(id, FidOf(record), new DataVersion(record.BaseVersion), isWritten);
        }

        return [.. held.Values];
    }

    /// <summary>The records of handles that are open, and of those that were, in the order of their places. A record that isn't at its handle's place is damaged, and left out.</summary>
    public static IEnumerable<OpenFileRecord> Read(IRecordArray array)
    {
        for (int index = 0; index < array.Count; index++)
        {
            OpenFileRecord record = At(array, index);
            if (record.Handle != 0 && HandleTable<OpenFile>.PlaceOf(new FileHandle(record.Handle)) == (uint)index)
                yield return record;
        }
    }

    public void Put(int index, FileHandle handle, OpenFile file)
    {
        if (file.Request == default)
            return;
        Fid fid = file.Node.Fid;
        ref OpenFileRecord record = ref At(array, index);
        record = new OpenFileRecord
        {
            Handle = handle.Value,
            Node = file.Node.Id.Value,
            Container = file.Container.Id.Value,
            Vnode = fid.Vnode.Value,
            Volume = fid.Volume.Value,
            Uniquifier = fid.Uniquifier.Value,
            BaseVersion = file.Container.BaseVersion.Value,
            Request = file.Request.Value,
            Backing = file.Backing.Value,
            IsWritable = file.IsWritable ? (byte)1 : (byte)0,
            Durability = (byte)file.Durability,
        };
        Volatile.Write(ref record.IsOpen, 1);
    }

    public void Clear(int index) => Volatile.Write(ref At(array, index).IsOpen, 0);

    public static Fid FidOf(in OpenFileRecord record) => new(new VolumeId(record.Volume), new VnodeNumber(record.Vnode), new Uniquifier(record.Uniquifier));

    private static ref OpenFileRecord At(IRecordArray array, int index) => ref MemoryMarshal.AsRef<OpenFileRecord>(array.At(index));
}
