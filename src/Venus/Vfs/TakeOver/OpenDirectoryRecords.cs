using System.Runtime.InteropServices;
using Afs.Fuse;

namespace Afs.Venus.Vfs;

/// <summary>The records of open directories.</summary>
internal sealed class OpenDirectoryRecords(IRecordArray array) : IHandleRecords<OpenDirectory>
{
    public static IEnumerable<(int Index, OpenDirectoryRecord Record)> Read(IRecordArray array)
    {
        for (int index = 0; index < array.Count; index++)
        {
            OpenDirectoryRecord record = At(array, index);
            if (record.Handle != 0)
                yield return (index, record);
        }
    }

    public void Put(int index, FileHandle handle, OpenDirectory directory)
    {
        ref OpenDirectoryRecord record = ref At(array, index);
        record = new OpenDirectoryRecord { Node = directory.Node.Id.Value, Request = directory.Request.Value };
        Volatile.Write(ref record.Handle, handle.Value);
    }

    public void Clear(int index) => Volatile.Write(ref At(array, index).Handle, 0);

    private static ref OpenDirectoryRecord At(IRecordArray array, int index) => ref MemoryMarshal.AsRef<OpenDirectoryRecord>(array.At(index));
}
