using Afs.Rules;
using Afs.Vice.Volumes.Directories;
using Afs.Wire;

namespace Afs.Vice.Tests;

public class DirectoryLogTests
{
    /// <summary>Beside a log that is looked through from end to end. The seed repeats a failure.</summary>
    [Theory]
    [InlineData(1, 5)]
    [InlineData(2, 50)]
    [InlineData(3, 500)]
    public void It_tells_the_changes_between_any_two_versions_or_that_it_no_longer_knows(int seed, int capacity)
    {
        var random = new Random(seed);
        var log = new DirectoryLog(capacity);
        Fid[] directories = [.. Enumerable.Range(2, 3).Select(i => new Fid(new VolumeId(1), new VnodeNumber((ulong)i), new Uniquifier(1)))];
        ulong[] versions = [1, 1, 1];
        List<NameChange> all = [];
        (int told, int unknown) = (0, 0);
        for (int i = 0; i < 3000; i++)
        {
            int at = random.Next(3);
            versions[at]++;
            // A rename changes two names of a directory in one version.
            NameChange[] changes = [.. Enumerable.Range(0, 1 + random.Next(2)).Select(_ => Change(directories[at], versions[at], random))];
            log.Append(changes);
            all.AddRange(changes);
            List<NameChange> kept = all[Math.Max(0, all.Count - capacity)..];
            log.CheckInvariants();

            int asked = random.Next(3);
            ulong current = versions[asked], have = (ulong)Math.Max(1, (long)current - random.Next(random.Next(2) == 0 ? 3 : 60));
            IReadOnlyList<DirectoryChange>? between = log.Between(directories[asked], new DataVersion(have), new DataVersion(current), 1000);
            List<NameChange> wanted = [.. all.Where(c => c.Directory == directories[asked] && c.Version.Value > have && c.Version.Value <= current)];
            bool isKept = wanted.All(kept.Contains);
            Assert.Equal(isKept, between is not null);
            if (between is null)
            {
                unknown++;
                continue;
            }
            told++;
            Assert.Equal(
                wanted.GroupBy(c => c.Name[0]).Select(c => (Name: c.Key, c.Last().Target)).OrderBy(c => c.Name),
                between.Select(c => (Name: c.Name[0], Target: c.Fid)).OrderBy(c => c.Name));
        }
        Assert.True(told > 100 && (unknown > 10 || capacity == 500), $"{told} told, {unknown} unknown");
    }

    [Fact]
    public void More_than_was_asked_for_is_not_told()
    {
        var log = new DirectoryLog(1000);
        var directory = new Fid(new VolumeId(1), new VnodeNumber(2), new Uniquifier(1));
        var random = new Random(1);
        for (ulong version = 2; version <= 101; version++)
            log.Append([Change(directory, version, random) with { Name = [(byte)version] }]);
        Assert.Equal(100, log.Between(directory, new DataVersion(1), new DataVersion(101), 100)!.Count);
        Assert.Null(log.Between(directory, new DataVersion(1), new DataVersion(101), 99));
        Assert.Null(log.Between(directory, new DataVersion(1), new DataVersion(101), 10));
    }

    private static NameChange Change(Fid directory, ulong version, Random random) => new(
        directory, new DataVersion(version), [(byte)random.Next(20)],
        random.Next(3) == 0 ? default : new Fid(directory.Volume, new VnodeNumber((ulong)random.Next(5, 900)), new Uniquifier(1)), FileType.Regular);
}
