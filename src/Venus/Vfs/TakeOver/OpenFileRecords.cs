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
        foreach (OpenFileRecord record in Read(array).Where(static r => r.IsOpen != 0))
        {
            var id = new ContainerId(record.Container);
            bool isWritten = record.IsWritable != 0 || held.TryGetValue(id, out HeldContainer? known) && known.IsWritten;
            held[id] = new HeldContainer(id, FidOf(record), new DataVersion(record.BaseVersion), isWritten);
        }

        return [.. held.Values];
    }

    /// <summary>Of what is open, and of what was, in the order of their places.</summary>
    public static IEnumerable<OpenFileRecord> Read(IRecordArray array)
    {
        for (int index = 0; index < array.Count; index++)
        {
            OpenFileRecord record = At(array, index);
            if (record.Handle != 0)
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
        };
        Volatile.Write(ref record.IsOpen, 1);
    }

    public void Clear(int index) => Volatile.Write(ref At(array, index).IsOpen, 0);

    public static Fid FidOf(in OpenFileRecord record) => new(new VolumeId(record.Volume), new VnodeNumber(record.Vnode), new Uniquifier(record.Uniquifier));

    private static ref OpenFileRecord At(IRecordArray array, int index) => ref MemoryMarshal.AsRef<OpenFileRecord>(array.At(index));
}
