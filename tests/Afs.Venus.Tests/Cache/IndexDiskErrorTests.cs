using Afs.Platform;
using Afs.Venus.Cache;

namespace Afs.Venus.Tests;

/// <summary>Each single change that the index's database makes to its files fails once, by a full disk or a broken one: what was refused is written when it is asked for again, and nothing else changed.</summary>
public sealed class IndexDiskErrorTests
{
    private const int Batches = 8, FailuresOfCollection = 25;

    private static readonly IndexWorkload Work = new(ids: 60, rowsOfBatch: 6);

    [Theory]
    [InlineData(DiskFailure.NoSpace)]
    [InlineData(DiskFailure.Failed)]
    public void WhicheverChangeFails_NothingIsLost(DiskFailure failure) =>
        Assert.InRange(FailAtEach(succeed => new FailingDisk(new TracedDisk(), failure) { SucceedsFor = succeed }), 100, int.MaxValue);

    [Fact]
    public void WhicheverReadingFails_NothingIsLost() =>
        Assert.InRange(FailAtEach(static succeed => new FailingDisk(new TracedDisk(), DiskFailure.Failed) { SucceedsFor = succeed, IsOfReadings = true }), 50, int.MaxValue);

    /// <summary>The kernel takes what a failed sync lost for clean: it is written once more, so that the next sync means it.</summary>
    [Fact]
    public void AfterASyncThatFailed_AllOfTheLogIsWrittenOnceMore()
    {
        var traced = new TracedDisk();
        ContainerDatabase.Make(traced, IndexWorkload.Name, []);
        var disk = new FailingDisk(traced, DiskFailure.Failed);
        using var database = ContainerDatabase.Open(disk, IndexWorkload.Name, IndexWorkload.Boot, out _);
        for (int batch = 1; batch <= 6; batch++)
            Work.Write(database, batch);
        disk.FailsNextSync = true;
        Assert.Throws<DiskException>(() => Work.Write(database, 7));
        int failed = traced.Changes.Count;
        Work.Write(database, 7);
        DiskChange.Write[] again = [.. traced.Changes.Skip(failed).TakeWhile(static change => change is not DiskChange.Sync).OfType<DiskChange.Write>()];
        MemoryFile log = again[0].File;
        foreach (DiskChange.Write before in traced.Changes.Take(failed).OfType<DiskChange.Write>().Where(write => write.File == log))
            Assert.Contains(again, write => write.At == before.At && write.Data.AsSpan().SequenceEqual(before.Data));
    }

    /// <summary>How many it made fail.</summary>
    private static int FailAtEach(Func<int, FailingDisk> disks)
    {
        for (int succeed = 0; ; succeed++)
        {
            FailingDisk disk = disks(succeed);
            Retrying(() => ContainerDatabase.Make(disk, IndexWorkload.Name, []));
            WriteAndClose(disk, from: 1);
            WriteAndClose(disk, from: Batches + 1);
            AssertHolds(disk, 2 * Batches);
            if (succeed % FailuresOfCollection == 0)
            {
                // What LiteDB gave up must not throw at its end.
                GC.Collect();
                GC.WaitForPendingFinalizers();
            }
            if (!disk.HasFailed)
                return succeed;
        }
    }

    private static void WriteAndClose(IDisk disk, int from)
    {
        ContainerDatabase? database = null;
        Retrying(() => database = ContainerDatabase.Open(disk, IndexWorkload.Name, IndexWorkload.Boot, out _));
        for (int batch = from; batch < from + Batches; batch++)
            Retrying(() => Work.Write(database!, batch));
        database!.Dispose();
    }

    private static void AssertHolds(IDisk disk, int batches)
    {
        List<ContainerRecord> rows = [];
        Retrying(() =>
        {
            using var database = ContainerDatabase.Open(disk, IndexWorkload.Name, IndexWorkload.Boot, out rows);
            Assert.Equal((ulong)batches, database.Written);
        });
        Assert.Equal(Work.After(batches).Values.OrderBy(static row => row.Id.Value), rows.OrderBy(static row => row.Id.Value));
    }

    private static void Retrying(Action action)
    {
        try
        {
            action();
        }
        catch (DiskException)
        {
            action();
        }
    }
}
