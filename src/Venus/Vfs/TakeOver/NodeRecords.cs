using System.Runtime.InteropServices;
using Afs.Fuse;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>Keeps the records of nodes in step with <see cref="NodeTable"/>, under its lock. Without an array nothing is kept.</summary>
internal sealed class NodeRecords(IRecordArray? array)
{
    private const int FirstNode = 1;

    private readonly Stack<int> _free = new();
    private int _used = FirstNode;

    /// <summary>Every NodeId of a record.</summary>
    public static IReadOnlyList<NodeId> ReadIds(IRecordArray array)
    {
        var ids = new List<NodeId> { NodeId.Root };
        for (int index = FirstNode; index < array.Count; index++)
        {
            if (At(array, index).Node is not 0 and var id)
                ids.Add(new NodeId(id));
        }

        return ids;
    }

    public void Add(Node node)
    {
        if (array is null)
            return;
        if (!_free.TryPop(out int index))
            index = _used++;
        node.Record = index;
        ref NodeRecord record = ref At(array, index);
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

    /// <summary>The vnode has no name left: from here on only this client knows what it is.</summary>
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

    /// <summary>What a predecessor recorded, and the highest NodeId that it gave. Once, before anything is added.</summary>
    public IReadOnlyList<(int Index, NodeRecord Record)> TakeOver(out ulong lastNode)
    {
        lastNode = 0;
        if (array is null)
            return [];
        var found = new List<(int, NodeRecord)>();
        lastNode = At(array, 0).LastNode;
        for (int index = FirstNode; index < array.Count; index++)
        {
            NodeRecord record = At(array, index);
            if (record.Node == 0)
                continue;
            for (; _used < index; _used++)
                _free.Push(_used);
            _used = index + 1;
            found.Add((index, record));
        }

        return found;
    }

    private static ref NodeRecord At(IRecordArray array, int index) => ref MemoryMarshal.AsRef<NodeRecord>(array.At(index));
}
