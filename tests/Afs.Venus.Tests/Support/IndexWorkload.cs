using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>Batches of changes of an index, each known by its number, and what the index says after each.</summary>
internal sealed class IndexWorkload(int ids, int rowsOfBatch)
{
    public const string Name = "index.db", Boot = "3f2504e0-4f89-11d3-9a0c-0305e82c3301";

    /// <summary>One in so many must outlast a loss of power.</summary>
    private const int DurableOneIn = 7, DeletedOneIn = 6;

    public static bool IsDurable(int batch) => batch % DurableOneIn == 0;

    public Dictionary<ContainerId, IndexRow> Batch(int batch)
    {
        var random = new Random(batch);
        var rows = new Dictionary<ContainerId, IndexRow>();
        for (int i = 0; i < rowsOfBatch; i++)
        {
            var id = new ContainerId((ulong)random.Next(1, ids + 1));
            rows[id] = new IndexRow(random.Next(DeletedOneIn) == 0 ? null : Record(id, batch), IsDurable(batch));
        }
        return rows;
    }

    /// <summary>All rows after this batch, from those after the one before.</summary>
    public void Apply(Dictionary<ContainerId, ContainerRecord> rows, int batch)
    {
        foreach ((ContainerId id, IndexRow row) in Batch(batch))
        {
            if (row.Record is null)
                rows.Remove(id);
            else
                rows[id] = row.Record;
        }
    }

    public Dictionary<ContainerId, ContainerRecord> After(int batch)
    {
        var rows = new Dictionary<ContainerId, ContainerRecord>();
        for (int i = 1; i <= batch; i++)
            Apply(rows, i);
        return rows;
    }

    /// <summary>Makes a batch, whose number stands for the journal's.</summary>
    public void Write(ContainerDatabase database, int batch) => database.Write(Batch(batch), (ulong)batch, IsDurable(batch));

    public static ContainerRecord Record(ContainerId id, int version) => new(
        id, new Fid(new VolumeId(7), new VnodeNumber(id.Value * 3), new Uniquifier(123456)), new DataVersion((ulong)version), (ContainerState)(1 + version % 3), (uint)(version * 77),
        new ContainerStat(version * 4096L, 4096, new Timestamp(1_700_000_000 + version, 5), new Timestamp(1_700_000_001 + version, 6)), Boot, new Caller((uint)version, 100));
}
