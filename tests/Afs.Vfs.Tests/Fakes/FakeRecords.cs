using Afs.Platform;
using Afs.Venus.Vfs;

namespace Afs.Vfs.Tests;

/// <summary>Records in memory that outlive a filesystem of a test.</summary>
internal sealed class FakeRecords(int recordBytes) : IRecordArray
{
    private readonly List<byte[]> _records = [];

    public int Count => _records.Count;

    public static MountRecords Make() =>
        new(new FakeRecords(NodeRecord.SizeBytes), new FakeRecords(OpenFileRecord.SizeBytes), new FakeRecords(OpenDirectoryRecord.SizeBytes), new FakeRecords(NameRecords.SizeBytes),
            new FakeRecords(LockRecord.SizeBytes));

    public Span<byte> At(int index)
    {
        while (_records.Count <= index)
            _records.Add(GC.AllocateArray<byte>(recordBytes, pinned: true));
        return _records[index];
    }
}
