using System.Runtime.InteropServices;
using Afs.Fuse;

namespace Afs.Venus.Vfs;

/// <summary>The records of open directories.</summary>
internal sealed class OpenDirectoryRecords(IRecordArray array) : IHandleRecords<OpenDirectory>
{
    /// <summary>Of what is open, and of what was, in the order of their places.</summary>
    public static IEnumerable<OpenDirectoryRecord> Read(IRecordArray array)
    {
        for (int index = 0; index < array.Count; index++)
        {
            OpenDirectoryRecord record = At(array, index);
            if (record.Handle != 0)
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
