using Afs.Platform;
using Afs.Venus.Cache;

namespace Afs.Venus.Tests;

/// <summary>
/// What a loss of power leaves of the index's database: all that was written, in a real run, is replayed to many points, with what wasn't synced cut or left out at random. The
/// database opens at each of them, with all rows of some batch, none older than the last that had to outlast a loss of power, and goes on.
/// The long form: dotnet artifacts/bin/Afs.Venus.Tests/release/Afs.Venus.Tests.dll -explicit only -class '*IndexPowerLossTests'.
/// </summary>
public sealed class IndexPowerLossTests
{
    private const int Batches = 330, BatchesAfter = 3, MostBeforeSync = 40;

    private static readonly IndexWorkload Work = new(ids: 3000, rowsOfBatch: 12);

    [Theory]
    [InlineData(nameof(Survival.Prefix))]
    [InlineData(nameof(Survival.Random))]
    public void AtEachPoint_NothingThatWasToOutlastIt_IsLost(string survival) =>
        Assert.Equal(default, Replay(Record(new TracedDisk()), survival, points: 60, seed: 1));

    [Theory(Explicit = true)]
    [InlineData(nameof(Survival.Prefix))]
    [InlineData(nameof(Survival.Random))]
    public void AtThousandsOfPoints_NothingThatWasToOutlastIt_IsLost(string survival)
    {
        TracedDisk disk = Record(new TracedDisk());
        for (int seed = 1; seed <= 4; seed++)
            Assert.Equal(default, Replay(disk, survival, points: 1000, seed));
    }

    /// <summary>The replay would find a database whose log isn't on the disk before its data file is written.</summary>
    [Fact]
    public void AReplayOfALogThatIsNeverSynced_FindsLosses() =>
        Assert.NotEqual(default, Replay(Record(new TracedDisk { LiesAbout = "-log" }), nameof(Survival.Random), points: 60, seed: 1));

    private static TracedDisk Record(TracedDisk disk)
    {
        ContainerDatabase.Make(disk, IndexWorkload.Name, []);
        disk.Changes.Add(new DiskChange.Acknowledgement(0));
        using var database = ContainerDatabase.Open(disk, IndexWorkload.Name, IndexWorkload.Boot, out _);
        for (int batch = 1; batch <= Batches; batch++)
        {
            Work.Write(database, batch);
            if (IndexWorkload.IsDurable(batch))
                disk.Changes.Add(new DiskChange.Acknowledgement(batch));
        }
        return disk;
    }

    /// <summary>How many points were bad, and how.</summary>
    private static (int Damaged, int Lost, int Wrong) Replay(TracedDisk disk, string survival, int points, int seed)
    {
        var random = new Random(seed);
        var replay = new PowerLossReplay(disk.Changes, random);
        (int damaged, int lost, int wrong) = (0, 0, 0);
        foreach (int point in ChoosePoints(disk.Changes, points, random))
        {
            replay.GoTo(point);
            TracedDisk left = replay.LosePower(Enum.Parse<Survival>(survival));
            try
            {
                if (!left.Exists(IndexWorkload.Name))
                {
                    lost += replay.Acknowledged is null ? 0 : 1;
                    continue;
                }
                int last = Check(left, out bool isRight);
                wrong += isRight ? 0 : 1;
                lost += last < (replay.Acknowledged ?? 0) ? 1 : 0;
            }
            catch (DiskException)
            {
                damaged++;
            }
        }
        return (damaged, lost, wrong);
    }

    /// <summary>A third of them anywhere; a third shortly before a sync, when most is in doubt; and as many before one of the data file, of which there are few.</summary>
    private static int[] ChoosePoints(List<DiskChange> changes, int points, Random random)
    {
        MemoryFile data = changes.OfType<DiskChange.Name>().Last(static name => name.At == IndexWorkload.Name && name.File is not null).File!;
        int[] syncs = [.. Enumerable.Range(0, changes.Count).Where(at => changes[at] is DiskChange.Sync)], ofData = [.. syncs.Where(at => ((DiskChange.Sync)changes[at]).File == data)];
        int Before(int[] some) => Math.Max(0, some[random.Next(some.Length)] - random.Next(MostBeforeSync));
        return [.. Enumerable.Range(0, points).Select(i => (i % 3) switch { 0 => random.Next(changes.Count + 1), 1 => Before(syncs), _ => Before(ofData) }).Order()];
    }

    private static int Check(TracedDisk left, out bool isRight)
    {
        using var database = ContainerDatabase.Open(left, IndexWorkload.Name, IndexWorkload.Boot, out List<ContainerRecord> rows);
        int last = (int)database.Written;
        Dictionary<ContainerId, ContainerRecord> expected = Work.After(last);
        isRight = Same(expected, rows);
        for (int batch = last + 1; batch <= last + BatchesAfter; batch++)
        {
            Work.Write(database, batch);
            Work.Apply(expected, batch);
        }
        using var again = ContainerDatabase.Open(left, IndexWorkload.Name, IndexWorkload.Boot, out List<ContainerRecord> after);
        isRight &= Same(expected, after);
        return last;
    }

    private static bool Same(Dictionary<ContainerId, ContainerRecord> expected, List<ContainerRecord> rows) =>
        rows.Count == expected.Count && rows.TrueForAll(row => expected.GetValueOrDefault(row.Id) == row);
}
