using System.Runtime.InteropServices;
using Afs.Fuse;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>The records of open files. What the daemon opens for itself, for no request, isn't recorded.</summary>
internal sealed class OpenFileRecords(IRecordArray array) : IHandleRecords<OpenFile>
{
    public static IReadOnlyList<HeldContainer> ReadHeld(IRecordArray array)
    {
        var held = new Dictionary<ContainerId, HeldContainer>();
        foreach ((_, OpenFileRecord record) in Read(array))
        {
            var id = new ContainerId(record.Container);
            bool isWritten = record.IsWritable != 0 || held.TryGetValue(id, out HeldContainer? known) && known.IsWritten;
            held[id] = new HeldContainer(id, FidOf(record), new DataVersion(record.BaseVersion), isWritten);
        }

        return [.. held.Values];
    }

    public static IEnumerable<(int Index, OpenFileRecord Record)> Read(IRecordArray array)
    {
        for (int index = 0; index < array.Count; index++)
        {
            OpenFileRecord record = At(array, index);
            if (record.Handle != 0)
                yield return (index, record);
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
            Node = file.Node.Id.Value,
            Container = file.Container.Id.Value,
            Vnode = fid.Vnode.Value,
            Volume = fid.Volume.Value,
            Uniquifier = fid.Uniquifier.Value,
            BaseVersion = file.Container.BaseVersion.Value,
            Request = file.Request.Value,
            Backing = file.Backing.Value,
            IsWritable = file.IsWritable ? (byte)1 : (byte)0,
        };
        Volatile.Write(ref record.Handle, handle.Value);
    }

    public void Clear(int index) => Volatile.Write(ref At(array, index).Handle, 0);

    public static Fid FidOf(in OpenFileRecord record) => new(new VolumeId(record.Volume), new VnodeNumber(record.Vnode), new Uniquifier(record.Uniquifier));

    private static ref OpenFileRecord At(IRecordArray array, int index) => ref MemoryMarshal.AsRef<OpenFileRecord>(array.At(index));
}
