using System.Buffers.Binary;
using Afs.Platform;
using Afs.Rpc;
using Afs.Venus.Cache;
using static Afs.Venus.Tests.TestChanges;

namespace Afs.Venus.Tests;

/// <summary>The change log: what was appended is found by the next daemon, up to the first byte that nobody wrote.</summary>
public sealed class ChangeLogTests
{
    private static readonly ChangeLogOptions Small = Quiet with { SegmentBytes = 1024 };

    [Fact]
    public async Task WhatWasAppended_IsFoundByTheNext_InOrder_OverManySegments()
    {
        var disk = new TracedDisk();
        ChangeLog log = Open(disk, Small);
        for (int i = 1; i <= 50; i++)
            Assert.Equal(new ChangeNumber((ulong)i), log.Append(Any(i)));
        await log.SyncAsync(log.Last);
        Assert.InRange(Segments(disk).Length, 5, 50);

        ChangeLog next = Open(disk, Small);
        AssertHolds(next, Enumerable.Range(1, 50).Select(Any));
        Assert.Equal(0, next.CutBytes);
        Assert.Equal(51UL, next.Append(Any(51)).Value);
        AssertHolds(Open(disk), Enumerable.Range(1, 51).Select(Any));
    }

    [Fact]
    public void ADaemonThatIsKilled_LosesNothing_ThoughNothingWasSynced()
    {
        var disk = new TracedDisk();
        ChangeLog log = Open(disk, Small);
        for (int i = 1; i <= 20; i++)
            log.Append(Any(i));
        log.NoteBatch(new ChangeNumber(1), [0, 2, 2], []);
        ChangeLog next = Open(disk, Small);
        AssertHolds(next, Enumerable.Range(1, 20).Select(Any));
        BatchNote note = Assert.Single(next.UnsettledBatches());
        Assert.Equal((1UL, 1UL, 3UL), (note.Number.Value, note.First.Value, note.Last.Value));
        Assert.Equal([0, 2, 2], note.Fates);
        Assert.Equal(2UL, next.NoteBatch(new ChangeNumber(4), [0], []).Number.Value);
    }

    [Fact]
    public void WhenItWasLogged_IsKept()
    {
        var disk = new TracedDisk();
        var time = new FakeTime();
        Open(disk, time: time).Append(Any(1));
        DateTimeOffset then = time.GetUtcNow();
        time.Advance(TimeSpan.FromHours(3));
        Assert.Equal(then, Waiting(Open(disk, time: time))[0].LoggedAt);
    }

    [Fact]
    public async Task CutAtEachByte_OfTheLastRecords_ItEndsAtTheLastWholeOne_AndSaysHowMuchWasCut()
    {
        var disk = new TracedDisk();
        ChangeLog log = Open(disk);
        var ends = new List<int>();
        for (int i = 1; i <= 8; i++)
        {
            log.Append(Any(i));
            ends.Add(LengthOf(disk));
        }
        await log.SyncAsync();
        for (int length = ends[4]; length < ends[7]; length++)
        {
            TracedDisk torn = Copy(disk);
            torn.Names[Segments(torn)[0]].SetLength(length);
            int whole = ends.Count(end => end <= length);
            ChangeLog opened = Open(torn);
            AssertHolds(opened, Enumerable.Range(1, whole).Select(Any));
            Assert.Equal(length - ends[whole - 1], opened.CutBytes);
            opened.Append(Any(100));
            ChangeLog next = Open(torn);
            AssertHolds(next, Enumerable.Range(1, whole).Append(100).Select(Any));
            Assert.Equal(0, next.CutBytes);
        }
    }

    [Fact]
    public async Task WithAnyByteChanged_AFirstPartIsFound_AndNothingElse()
    {
        var disk = new TracedDisk();
        ChangeLog log = Open(disk);
        var ends = new List<int>();
        for (int i = 1; i <= 5; i++)
        {
            log.Append(Any(i));
            ends.Add(LengthOf(disk));
        }
        await log.SyncAsync();
        string name = Segments(disk)[0];
        for (int at = ChangeSegmentHeader.Bytes; at < ends[^1]; at++)
        {
            TracedDisk damaged = Copy(disk);
            byte[] one = [(byte)(damaged.Names[name].Bytes[at] ^ (1 << at % 8))];
            damaged.Names[name].Write(at, one);
            AssertHolds(Open(damaged), Enumerable.Range(1, ends.Count(end => end <= at)).Select(Any));
        }
    }

    /// <summary>An old record behind the end would have the number and checksum of its own; only what follows counts.</summary>
    [Fact]
    public void WhatAnEarlierLifeLeftBehindTheEnd_NeverFollows()
    {
        var disk = new TracedDisk();
        ChangeLog log = Open(disk);
        log.Append(Store(Fid(9), 1));
        int one = LengthOf(disk);
        log.Append(Store(Fid(9), 91));
        int two = LengthOf(disk);
        log.Append(Store(Fid(9), 91));
        string name = Segments(disk)[0];
        byte[] third = disk.Names[name].Bytes[two..].ToArray();

        var other = new TracedDisk();
        ChangeLog later = Open(other);
        later.Append(Store(Fid(9), 1));
        later.Append(Store(Fid(9), 181)); // As long, and another.
        other.Names[name].Write(two, third);
        Assert.InRange(one, 1, two);
        AssertHolds(Open(other), [Store(Fid(9), 1), Store(Fid(9), 181)]);
    }

    [Fact]
    public void LengthsFromTheDisk_AreBounded_BeforeAnythingIsMade()
    {
        var disk = new TracedDisk();
        Open(disk).Append(Any(1));
        int end = LengthOf(disk);
        foreach (uint length in (uint[])[0, 1, 11, 1 << 20, int.MaxValue, uint.MaxValue])
        {
            TracedDisk hostile = Copy(disk);
            byte[] record = new byte[4096];
            BinaryPrimitives.WriteUInt32LittleEndian(record, length);
            hostile.Names[Segments(disk)[0]].Write(end, record);
            ChangeLog log = Open(hostile);
            AssertHolds(log, [Any(1)]);
            Assert.Equal(4096, log.CutBytes);
        }
    }

    [Fact]
    public void ALogOfALaterProgram_IsRefused_AndLeftAlone()
    {
        var disk = new TracedDisk();
        Open(disk).Append(Any(1));
        string name = Segments(disk)[0];
        disk.Names[name].Write(8, [2]);
        byte[] before = disk.Names[name].Bytes.ToArray();
        DiskException refused = Assert.Throws<DiskException>(() => Open(disk));
        Assert.Contains("format 2 of the change log is newer than this program's 1", refused.Message, StringComparison.Ordinal);
        Assert.Equal(before, disk.Names[name].Bytes.ToArray());
    }

    [Fact]
    public void ALogOfAnotherClient_IsRefused_AndLeftAlone()
    {
        var disk = new TracedDisk();
        Open(disk).Append(Any(1));
        byte[] before = disk.Names[Segments(disk)[0]].Bytes.ToArray();
        Assert.Throws<DiskException>(() => ChangeLog.Open(disk, TestChanges.Volume, new ClientId(9, 9), new FakeTime(), new InlineWork(), Quiet, new RecordingLogger()));
        Assert.Equal(before, disk.Names[Segments(disk)[0]].Bytes.ToArray());
    }

    [Fact]
    public async Task WhatIsSettled_GoesWithItsSegments_AndTheNumbersGoOn()
    {
        var disk = new TracedDisk();
        ChangeLog log = Open(disk, Small);
        for (int i = 1; i <= 60; i++)
            log.Append(Any(i));
        await log.SyncAsync();
        int before = Segments(disk).Length;
        log.NoteBatch(new ChangeNumber(1), [.. Enumerable.Range(0, 50).Select(static i => (ushort)i)], []);
        log.Settle(new ChangeNumber(50));
        Assert.InRange(Segments(disk).Length, before, before + 2); // Not before the word of it is on stable storage.
        await log.SyncAsync();
        Assert.InRange(Segments(disk).Length, 1, 4);
        AssertHolds(log, Enumerable.Range(51, 10).Select(Any));

        ChangeLog next = Open(disk, Small);
        AssertHolds(next, Enumerable.Range(51, 10).Select(Any));
        Assert.Empty(next.UnsettledBatches());
        next.Settle(new ChangeNumber(60));
        await next.SyncAsync();
        ChangeLog last = Open(disk, Small);
        Assert.Empty(Waiting(last));
        Assert.Equal((61UL, 2UL), (last.Append(Any(61)).Value, last.NoteBatch(new ChangeNumber(61), [0], []).Number.Value));
    }

    /// <summary>Nothing orders the deletions of two files on a disk.</summary>
    [Fact]
    public async Task WhicheverOldSegmentsALossOfPowerBringsBack_NothingIsMissingOrDoubled()
    {
        var disk = new TracedDisk();
        ChangeLog log = Open(disk, Small);
        for (int i = 1; i <= 40; i++)
            log.Append(Any(i));
        await log.SyncAsync();
        TracedDisk before = Copy(disk);
        log.Settle(new ChangeNumber(30));
        log.Append(Any(41));
        await log.SyncAsync();
        var random = new Random(1);
        for (int round = 0; round < 200; round++)
        {
            TracedDisk left = Copy(disk);
            foreach (string old in Segments(before).Except(Segments(disk)).Where(_ => random.Next(2) == 0))
                Give(left, old, before.Names[old]);
            AssertHolds(Open(left, Small), Enumerable.Range(31, 11).Select(Any));
        }
    }

    [Fact]
    public async Task ASegmentThatIsMissing_EndsTheLogBeforeIt()
    {
        var disk = new TracedDisk();
        ChangeLog log = Open(disk, Small);
        for (int i = 1; i <= 40; i++)
            log.Append(Any(i));
        await log.SyncAsync();
        string[] segments = Segments(disk);
        disk.Delete(segments[2]);
        ChangeLog next = Open(disk, Small);
        List<LoggedChange> waiting = Waiting(next);
        Assert.InRange(waiting.Count, 1, 39);
        AssertHolds(next, Enumerable.Range(1, waiting.Count).Select(Any));
        Assert.True(next.CutBytes > 0);
        Assert.DoesNotContain(segments[3], Segments(disk));
    }

    [Fact]
    public void AFullDisk_IsToldToWhoAppends_AndTheLogIsAsBefore()
    {
        var traced = new TracedDisk();
        var disk = new FailingDisk(traced, DiskFailure.NoSpace);
        ChangeLog log = Open(disk, Small);
        for (int i = 1; i <= 100; i++)
        {
            disk.SucceedsFor = i % 3 == 0 ? 0 : -1; // Also the first write of a new segment, and its header.
            if (i % 3 == 0)
                Assert.Equal(DiskFailure.NoSpace, Assert.Throws<DiskException>(() => log.Append(Any(1000 + i))).Failure);
            disk.SucceedsFor = -1;
            Assert.Equal((ulong)i, log.Append(Any(i)).Value);
        }
        AssertHolds(log, Enumerable.Range(1, 100).Select(Any));
        AssertHolds(Open(traced, Small), Enumerable.Range(1, 100).Select(Any));
    }

    [Fact]
    public void AFullLog_RefusesCleanly_AndTakesMoreWhenSomethingIsSettled()
    {
        ChangeLog log = Open(new TracedDisk(), Quiet with { MostChanges = 3 });
        for (int i = 1; i <= 3; i++)
            log.Append(Any(i));
        Assert.Equal(DiskFailure.NoSpace, Assert.Throws<DiskException>(() => log.Append(Any(4))).Failure);
        log.Settle(new ChangeNumber(1));
        Assert.Equal(4UL, log.Append(Any(4)).Value);

        ChangeLog byBytes = Open(new TracedDisk(), Quiet with { MostRecordsBytes = ChangeRecords.LengthOf(Any(1)) + 10 });
        byBytes.Append(Any(1));
        Assert.Equal(DiskFailure.NoSpace, Assert.Throws<DiskException>(() => byBytes.Append(Any(2))).Failure);
    }

    [Fact]
    public async Task OneSync_ServesAllWhoWait()
    {
        var disk = new TracedDisk();
        var work = new HeldWork();
        ChangeLog log = Open(disk, work: work);
        Task first = log.SyncAsync(log.Append(Any(1)));
        await Eventually.BecomesTrueAsync(() => work.Begun == 1);
        Task[] others = [.. Enumerable.Range(2, 50).Select(i => log.SyncAsync(log.Append(Any(i))))];
        work.LetGo();
        await first;
        Assert.DoesNotContain(others, static other => other.IsCompleted);
        work.LetGo(10);
        await Task.WhenAll(others);
        Assert.Equal(2, disk.Changes.Count(static change => change is DiskChange.Sync));
        await log.SyncAsync(new ChangeNumber(30));
        Assert.Equal(2, work.Begun);
    }

    [Fact]
    public async Task WithoutAnybodyWaiting_ItIsSyncedByTheInterval_AndNotAgain()
    {
        var disk = new TracedDisk();
        var time = new FakeTime();
        ChangeLog log = Open(disk, new ChangeLogOptions { SyncInterval = TimeSpan.FromSeconds(1) }, time);
        log.Append(Any(1));
        log.Append(Any(2));
        time.Advance(TimeSpan.FromSeconds(0.9));
        Assert.Equal(0, Syncs());
        time.Advance(TimeSpan.FromSeconds(0.1));
        await Eventually.BecomesTrueAsync(() => Syncs() == 1);
        await log.SyncAsync();
        time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(1, Syncs());

        int Syncs() => disk.Changes.ToArray().Count(static change => change is DiskChange.Sync);
    }

    /// <summary>The kernel takes for written what it couldn't write, and the next sync of the same file succeeds.</summary>
    [Fact]
    public async Task AfterASyncThatFailed_WhoWaitsIsTold_AndTheNextOneWritesAllOnceMore()
    {
        var disk = new TracedDisk();
        ChangeLog log = Open(disk, Small);
        for (int i = 1; i <= 10; i++)
            log.Append(Any(i));
        log.NoteBatch(new ChangeNumber(1), [0, 1], []);
        log.Withdraw([new ChangeNumber(7)]);
        disk.FailsNextSync = true;
        await Assert.ThrowsAsync<DiskException>(() => log.SyncAsync(log.Last));
        Assert.NotNull(log.SyncFailure);
        log.Append(Any(11));
        await log.SyncAsync(log.Last);
        Assert.Null(log.SyncFailure);
        Assert.Single(Segments(disk));
        log.Append(Any(12));

        var replay = new PowerLossReplay(disk.Changes, new Random(1));
        replay.GoTo(disk.Changes.Count);
        for (int i = 0; i < 20; i++)
        {
            ChangeLog left = Open(replay.LosePower(Survival.Random), Small);
            int found = Waiting(left).Count;
            Assert.InRange(found, 11, 12);
            AssertHolds(left, Enumerable.Range(1, found).Select(Any));
            Assert.Equal([0, 1], Assert.Single(left.UnsettledBatches()).Fates);
            Assert.True(left.IsWithdrawn(new ChangeNumber(7)));
        }
        AssertHolds(Open(disk, Small), Enumerable.Range(1, 12).Select(Any));
    }

    [Fact]
    public async Task WhatIsLoggedWhileItIsWrittenOnceMore_IsInTheNewSegment()
    {
        var disk = new TracedDisk();
        var work = new HeldWork();
        ChangeLog log = Open(disk, Small, work: work);
        log.Append(Any(1));
        log.Append(Any(2));
        disk.FailsNextSync = true;
        Task failed = log.SyncAsync();
        work.LetGo();
        await Assert.ThrowsAsync<DiskException>(() => failed);
        Task again = log.SyncAsync();
        await Eventually.BecomesTrueAsync(() => work.Begun == 2);
        for (int i = 3; i <= 20; i++)
            log.Append(Any(i));
        log.NoteBatch(new ChangeNumber(1), [0, 1], []);
        log.Settle(new ChangeNumber(2));
        work.LetGo(10);
        await again;
        await log.SyncAsync();
        AssertHolds(log, Enumerable.Range(3, 18).Select(Any));
        ChangeLog next = Open(disk, Small);
        AssertHolds(next, Enumerable.Range(3, 18).Select(Any));
        Assert.Equal(0, next.CutBytes);
        Assert.Equal(2UL, next.NoteBatch(new ChangeNumber(3), [0], []).Number.Value);
    }

    [Fact]
    public async Task WhatIsWithdrawn_IsFoundSo_UntilItIsSettled()
    {
        var disk = new TracedDisk();
        ChangeLog log = Open(disk);
        for (int i = 1; i <= 5; i++)
            log.Append(Any(i));
        log.Withdraw([new ChangeNumber(2), new ChangeNumber(4)]);
        await log.SyncAsync();
        ChangeLog next = Open(disk);
        Assert.Equal([2UL, 4UL], Waiting(next).Where(change => next.IsWithdrawn(change.Number)).Select(static change => change.Number.Value));
        next.Settle(new ChangeNumber(2));
        Assert.Equal((false, true), (next.IsWithdrawn(new ChangeNumber(2)), next.IsWithdrawn(new ChangeNumber(4))));
    }

    [Fact]
    public async Task Threads_AppendInTheOrderOfTheirNumbers()
    {
        var disk = new TracedDisk();
        ChangeLog log = Open(disk, Small);
        var byNumber = new Change[401];
        await Task.WhenAll(Enumerable.Range(0, 4).Select(thread => Task.Run(() =>
        {
            for (int i = 0; i < 100; i++)
            {
                Change change = Any(thread * 100 + i + 1);
                byNumber[(int)log.Append(change).Value] = change;
            }
        })));
        AssertHolds(Open(disk, Small), byNumber.Skip(1));
    }

    [Fact]
    public async Task TheEnd_SyncsWhatIsWritten()
    {
        var disk = new TracedDisk();
        ChangeLog log = Open(disk);
        log.Append(Any(1));
        await log.DisposeAsync();
        Assert.Single(disk.Changes, static change => change is DiskChange.Sync);
        Assert.Throws<ObjectDisposedException>(() => log.Append(Any(2)));
    }

    private static int LengthOf(TracedDisk disk) => disk.Names[Segments(disk)[^1]].LengthBytes;

    private static TracedDisk Copy(TracedDisk disk) => new(disk.Names.ToDictionary(static name => name.Key, static name => name.Value.Copy()));

    private static void Give(TracedDisk disk, string name, MemoryFile content)
    {
        using IDiskFile file = disk.Open(name, DiskOpenMode.CreateNew);
        file.Write(0, content.Bytes);
    }
}
