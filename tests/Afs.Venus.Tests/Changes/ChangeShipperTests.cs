using Afs.Platform;
using Afs.Venus.Cache;
using static Afs.Venus.Tests.TestChanges;

namespace Afs.Venus.Tests;

/// <summary>The shipper: all changes reach the server in their order, once, whatever becomes of calls, daemons and disks.</summary>
public sealed class ChangeShipperTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private readonly TracedDisk _disk = new();
    private readonly ShippingServer _server = new();

    [Fact]
    public async Task ALongBatch_IsSentAtOnce_AndTheRestByItsAge()
    {
        await using var client = new ShippingClient(_disk, _server);
        client.AppendAny(ChangeShipper.MostChangesOfBatch + 10);
        await Eventually.BecomesTrueAsync(() => client.Log.Settled.Value == ChangeShipper.MostChangesOfBatch);
        client.Time.Advance(0.999 * Second);
        Assert.Equal((1, 10), (_server.Batches, client.Shipper.Figures.WaitingChanges));
        Assert.Equal(0.999 * Second, client.Shipper.Figures.OldestAge);
        client.Time.Advance(0.001 * Second);
        await Eventually.BecomesTrueAsync(() => _server.Batches == 2);
        Assert.Equal(Enumerable.Range(1, ChangeShipper.MostChangesOfBatch + 10).Select(static i => (ulong)i), _server.Applied);
    }

    [Fact]
    public async Task ManyBytes_AreSentAtOnce()
    {
        await using var client = new ShippingClient(_disk, _server);
        client.Append(Store(Fid(50), 1, ChangeShipper.MostBytesOfBatch / 2));
        Assert.Empty(client.Carrier.Calls);
        client.Append(Store(Fid(51), 2, ChangeShipper.MostBytesOfBatch / 2));
        await Eventually.BecomesTrueAsync(() => _server.Applied.Count == 1); // Together with their requests they are one too many.
        client.Time.Advance(Second);
        await Eventually.BecomesTrueAsync(() => _server.Applied.Count == 2);
    }

    [Fact]
    public async Task WhoWaits_DoesntWaitForTheAge_AndHasItWhenTheServerHas()
    {
        await using var client = new ShippingClient(_disk, _server);
        var reply = new TaskCompletionSource<CarrierOutcome>();
        client.Carrier.OnReply = (_, _) => reply.Task;
        client.AppendAny(3);
        Task<Failure> waiting = client.Shipper.WaitShippedAsync(new ChangeNumber(2), CancellationToken.None).AsTask();
        Assert.Empty(client.Carrier.Calls);
        client.Shipper.ShipNow(new ChangeNumber(2));
        await Eventually.BecomesTrueAsync(() => _server.Applied.Count == 3);
        Assert.False(waiting.IsCompleted);
        reply.SetResult(CarrierOutcome.Done);
        Assert.True((await waiting).IsNone);
        using var interrupted = new CancellationTokenSource();
        client.AppendAny(1);
        waiting = client.Shipper.WaitShippedAsync(new ChangeNumber(4), interrupted.Token).AsTask();
        await interrupted.CancelAsync();
        Assert.Equal(FailureKind.Interrupted, (await waiting).Kind);
    }

    [Fact]
    public async Task Contents_GoAheadOfTheirBatch_AFewAtATime_AndNotThoseThatAreReplaced()
    {
        await using var client = new ShippingClient(_disk, _server);
        var held = new SemaphoreSlim(0);
        client.Carrier.OnContent = async _ =>
        {
            await held.WaitAsync();
            return CarrierOutcome.Done;
        };
        for (int i = 1; i <= 20; i++)
            client.Append(Store(Fid(50 + i % 10), i));
        client.Shipper.ShipNow(client.Log.Last);
        await Eventually.BecomesTrueAsync(() => client.Carrier.Calls.Length == ChangeShipper.MostContentsAtOnce);
        held.Release(100);
        await client.DrainAsync();
        Assert.Equal(ChangeShipper.MostContentsAtOnce, client.Carrier.MostContentsAtOnce);
        Assert.Equal(Enumerable.Range(11, 10).Select(static i => $"content {i}").Append("batch 1: 11 12 13 14 15 16 17 18 19 20").Order(), client.Carrier.Calls.Order());
        Assert.StartsWith("batch", client.Carrier.Calls[^1], StringComparison.Ordinal);
        Assert.Empty(_server.Wrong);
    }

    [Fact]
    public async Task SoManyBatches_AreUnderWayAtATime_AndSettledInTheirOrder()
    {
        await using var client = new ShippingClient(_disk, _server);
        var replies = new Dictionary<ulong, TaskCompletionSource>();
        for (ulong number = 1; number <= 6; number++)
            replies.Add(number, new TaskCompletionSource());
        client.Carrier.OnReply = async (number, outcome) =>
        {
            await replies[number.Value].Task;
            return outcome;
        };
        client.AppendAny(6 * ChangeShipper.MostChangesOfBatch);
        await Eventually.BecomesTrueAsync(() => _server.Batches == ChangeShipper.MostBatchesUnderWay);
        client.Time.Advance(10 * Second);
        Assert.Equal(ChangeShipper.MostBatchesUnderWay, client.Carrier.Calls.Length);
        Task<Failure> second = client.Shipper.WaitShippedAsync(new ChangeNumber(1000), CancellationToken.None).AsTask();
        replies[2].SetResult();
        replies[3].SetResult();
        Assert.Equal(ChangeNumber.None, client.Log.Settled);
        replies[1].SetResult();
        Assert.True((await second).IsNone);
        await Eventually.BecomesTrueAsync(() => _server.Batches == 6);
        foreach (TaskCompletionSource reply in replies.Values)
            reply.TrySetResult();
        await client.DrainAsync();
        Assert.Equal(Enumerable.Range(1, 6 * ChangeShipper.MostChangesOfBatch).Select(static i => (ulong)i), _server.Applied);
    }

    [Fact]
    public async Task AtABound_WhoChangesSomethingWaits_InTurn_AndNobodyGetsAnError()
    {
        await using var client = new ShippingClient(_disk, _server, new WriteBehindOptions { MaxOperations = 10 });
        var held = new TaskCompletionSource();
        client.Carrier.OnReply = async (_, outcome) =>
        {
            await held.Task;
            return outcome;
        };
        client.AppendAny(10);
        Assert.Empty(client.Carrier.Calls);
        var granted = new List<int>();
        Task[] waiting = [.. Enumerable.Range(0, 5).Select(async i =>
        {
            Assert.True((await client.Shipper.WaitForRoomAsync(Any(1), CancellationToken.None)).IsNone);
            lock (granted)
                granted.Add(i);
            client.Shipper.Append(Create(Fid(70 + i), Root, $"w{i}"));
        })];
        using var interrupted = new CancellationTokenSource();
        Task<Failure> impatient = client.Shipper.WaitForRoomAsync(Any(1), interrupted.Token).AsTask();
        await interrupted.CancelAsync();
        Assert.Equal(FailureKind.Interrupted, (await impatient).Kind);
        await Eventually.BecomesTrueAsync(() => _server.Applied.Count == 10); // Though it isn't old.
        Assert.Empty(granted);
        held.SetResult();
        await Task.WhenAll(waiting);
        await client.DrainAsync();
        Assert.Equal(15, _server.Applied.Count);
    }

    [Fact]
    public async Task BytesAreBounded_AndAChangeThatIsMoreByItselfWaitsUntilItIsAlone()
    {
        await using var client = new ShippingClient(_disk, _server, new WriteBehindOptions { MaxBytes = 1000 });
        client.Append(Store(Fid(50), 1, 800));
        Task<Failure> large = client.Shipper.WaitForRoomAsync(Store(Fid(51), 2, 5000), CancellationToken.None).AsTask();
        Assert.True((await large).IsNone);
        Assert.Equal([1UL], _server.Applied);
        client.Shipper.Append(Store(Fid(51), 2, 5000));
        Change small = Any(1);
        Task<Failure> next = client.Shipper.WaitForRoomAsync(small, CancellationToken.None).AsTask();
        Assert.True((await next).IsNone);
        Assert.Equal([1UL, 2UL], _server.Applied);
        client.Shipper.GiveBackRoom(small);
        client.Append(Store(Fid(51), 2, 900));
    }

    [Fact]
    public async Task WithoutAServer_TheSameBatchIsSentAgain_AfterPauses_AndNothingOvertakesIt()
    {
        await using var client = new ShippingClient(_disk, _server);
        int attempts = 0;
        client.Carrier.OnBatch = (_, _) => Task.FromResult<CarrierVerdict?>(Interlocked.Increment(ref attempts) <= 5 ? CarrierVerdict.Unreachable : null);
        client.Append(Store(Fid(50), 1));
        client.Append(Store(Fid(50), 2));
        client.Shipper.ShipNow(client.Log.Last);
        await Eventually.BecomesTrueAsync(() => client.Shipper.Figures.IsUnreachable);
        client.AppendAny(600);
        client.Shipper.ShipNow(client.Log.Last);
        await client.DrainAsync();
        string[] sent = [.. client.Carrier.Calls.Where(static call => call.StartsWith("batch", StringComparison.Ordinal))];
        Assert.Equal(6, sent.Count(static call => call == "batch 1: 2"));
        Assert.Equal("batch 1: 2", sent[5]);
        Assert.Equal(601, _server.Applied.Count);
        Assert.Empty(_server.Wrong);
        Assert.False(client.Shipper.Figures.IsUnreachable);
    }

    [Fact]
    public async Task AContentThatFindsNoServer_IsSentAgain_BeforeItsBatch()
    {
        await using var client = new ShippingClient(_disk, _server);
        int attempts = 0;
        client.Carrier.OnContent = _ => Task.FromResult<CarrierOutcome>(Interlocked.Increment(ref attempts) <= 3 ? CarrierVerdict.Unreachable : CarrierVerdict.Done);
        client.Append(Store(Fid(50), 1));
        await client.DrainAsync();
        Assert.Equal(["content 1", "content 1", "content 1", "content 1", "batch 1: 1"], client.Carrier.Calls);
    }

    [Fact]
    public async Task WhatIsRefused_IsHandedOn_WithAllThatNeedsIt_WhichIsNeverSent()
    {
        var client = new ShippingClient(_disk, _server);
        var held = new TaskCompletionSource();
        client.Carrier.OnReply = async (_, outcome) =>
        {
            await held.Task;
            return outcome;
        };
        _server.Refuses = static change => change.Logged.Change.Object == Fid(60);
        client.Append(Create(Fid(60), Root, "dir"));
        client.Append(Create(Fid(61), Root, "other"));
        client.Shipper.ShipNow(client.Log.Last);
        await Eventually.BecomesTrueAsync(() => _server.Batches == 1);
        client.Append(Create(Fid(62), Fid(60), "in-dir")); // 3
        client.Append(Store(Fid(62), 7)); // 4
        client.Append(Store(Fid(61), 8)); // 5
        client.Append(Rename(Fid(61), Root, "other", Fid(60), "moved")); // 6
        client.Append(Create(Fid(63), Root, "free")); // 7
        bool hasLogged = false;
        client.Carrier.OnRefused = _ =>
        {
            if (!hasLogged)
                client.Append(Store(Fid(62), 9)); // 8, by who doesn't know yet.
            hasLogged = true;
            return Task.CompletedTask;
        };
        held.SetResult();
        await Eventually.BecomesTrueAsync(() => client.Carrier.HandedOn.Length == 2); // What is sent before is the server's to refuse.
        await client.DrainAsync();
        Assert.Equal([2UL, 5UL, 7UL], _server.Applied);
        Assert.Equal([([1UL], [3UL, 4UL, 6UL]), ([], [8UL])], client.Carrier.HandedOn, (a, b) => a.Refused.SequenceEqual(b.Refused) && a.Dependants.SequenceEqual(b.Dependants));
        Assert.Equal(5, client.Shipper.Figures.Refused);

        // What comes later needs none of them.
        client.Append(Store(Fid(61), 10));
        await client.DrainAsync();
        Assert.Equal([2UL, 5UL, 7UL, 9UL], _server.Applied);
        await client.DisposeAsync();
    }

    /// <summary>The power fails when the refused batch is settled and what needed it still waits.</summary>
    [Fact]
    public async Task WhatNeededARefusedOne_IsNotSentAfterALossOfPower_Either()
    {
        var client = new ShippingClient(_disk, _server);
        _server.Refuses = static change => change.Logged.Change.Object == Fid(60);
        var never = new TaskCompletionSource<CarrierVerdict?>();
        client.Carrier.OnBatch = (number, _) => number.Value == 1 ? Task.FromResult<CarrierVerdict?>(null) : never.Task;
        client.Append(Create(Fid(60), Root, "dir"));
        var handing = new TaskCompletionSource();
        client.Carrier.OnRefused = _ => handing.Task;
        client.Shipper.ShipNow(client.Log.Last);
        await Eventually.BecomesTrueAsync(() => client.Carrier.HandedOn.Length == 1);
        client.Append(Create(Fid(61), Root, "free"));
        client.Append(Create(Fid(62), Fid(60), "in-dir"));
        handing.SetResult();
        await Eventually.BecomesTrueAsync(() => client.Log.Settled.Value == 1);
        await client.Log.SyncAsync();
        TracedDisk left = LosePower(_disk);
        await client.DisposeAsync();

        await using var next = new ShippingClient(left, _server);
        await next.DrainAsync();
        Assert.Equal([2UL], _server.Applied);
        Assert.Empty(next.Carrier.HandedOn);
    }

    [Fact]
    public async Task AContentThatIsRefused_IsNoReasonToHoldUpTheOthers()
    {
        await using var client = new ShippingClient(_disk, _server);
        client.Carrier.OnContent = static change =>
            Task.FromResult(change.Number.Value == 2 ? new CarrierOutcome(CarrierVerdict.Done, [new Refusal(change.Number, FailureKind.Refused)]) : CarrierOutcome.Done);
        client.Append(Store(Fid(50), 1));
        client.Append(Store(Fid(51), 2));
        client.Append(Rename(Fid(51), Root, "new", Root, "precious", Fid(52)));
        client.Append(Store(Fid(53), 3));
        await client.DrainAsync();
        Assert.Equal([1UL, 4UL], _server.Applied);
        (ulong[] refused, ulong[] dependants) = Assert.Single(client.Carrier.HandedOn);
        Assert.Equal(([2UL], [3UL]), (refused, dependants), (a, b) => a.Item1.SequenceEqual(b.Item1) && a.Item2.SequenceEqual(b.Item2));
    }

    [Fact]
    public async Task TheServerIsTold_WhatEachNeedsOfWhatMayFail()
    {
        await using var client = new ShippingClient(_disk, _server);
        var held = new TaskCompletionSource<CarrierVerdict?>();
        var needs = new List<(ulong Number, ulong[] Needs)>();
        client.Carrier.OnBatch = (_, changes) =>
        {
            needs.AddRange(changes.Select(static change => (change.Logged.Number.Value, change.Needs.Select(static needed => needed.Value).ToArray())));
            return held.Task;
        };
        client.Append(Create(Fid(60), Root, "dir"));
        client.Append(Create(Fid(61), Fid(60), "a"));
        client.Shipper.ShipNow(client.Log.Last);
        await Eventually.BecomesTrueAsync(() => client.Carrier.Calls.Length == 1);
        client.Append(Store(Fid(61), 1));
        client.Append(Store(Fid(61), 2));
        client.Shipper.ShipNow(client.Log.Last);
        await Eventually.BecomesTrueAsync(() => client.Carrier.Calls.Length == 3);
        held.SetResult(null);
        await client.DrainAsync();
        client.Append(Store(Fid(61), 3));
        await client.DrainAsync();
        Assert.Equal(["1:", "2:1", "4:2", "5:"], needs.Select(static change => $"{change.Number}:{string.Join(',', change.Needs)}"));
    }

    /// <summary>It was noted before anybody knew of the refusal, and is sent when what it needs is settled and forgotten here.</summary>
    [Fact]
    public async Task WhatABatchNeedsOfOneBefore_IsToldAlsoByTheNextDaemon()
    {
        var client = new ShippingClient(_disk, _server);
        (TaskCompletionSource first, TaskCompletionSource<CarrierVerdict?> second) = (new(), new());
        client.Carrier.OnReply = async (_, outcome) =>
        {
            await first.Task;
            return outcome;
        };
        client.Carrier.OnBatch = (number, _) => number.Value == 1 ? Task.FromResult<CarrierVerdict?>(null) : second.Task;
        _server.Refuses = static change => change.Logged.Change.Kind == ChangeKind.StoreContent;
        client.Append(Create(Fid(60), Root, "new"));
        client.Append(Store(Fid(60), 1));
        client.Shipper.ShipNow(client.Log.Last);
        await Eventually.BecomesTrueAsync(() => _server.Batches == 1);
        client.Append(Rename(Fid(60), Root, "new", Root, "precious", Fid(61)));
        client.Shipper.ShipNow(client.Log.Last);
        await Eventually.BecomesTrueAsync(() => client.Carrier.Calls.Contains("batch 2: 3"));
        first.SetResult();
        await Eventually.BecomesTrueAsync(() => client.Log.Settled.Value == 2);
        await client.Log.SyncAsync();
        TracedDisk left = LosePower(_disk);
        await client.DisposeAsync();

        await using var next = new ShippingClient(left, _server);
        Assert.Equal(2UL, next.Log.Settled.Value);
        await next.DrainAsync();
        Assert.Equal([1UL], _server.Applied);
        Assert.Equal([3UL], Assert.Single(next.Carrier.HandedOn).Refused);
    }

    /// <summary>At the moment of each send the power fails: the note is there, as it is sent.</summary>
    [Fact]
    public async Task NothingIsSent_BeforeItsNoteIsOnStableStorage()
    {
        await using var client = new ShippingClient(_disk, _server);
        (int looked, int missing) = (0, 0);
        client.Carrier.OnBatch = (number, changes) =>
        {
            ChangeLog left = Open(LosePower(_disk));
            BatchNote? found = left.UnsettledBatches().SingleOrDefault(note => note.Number == number);
            IEnumerable<ulong> sent = found is null ? [] : Enumerable.Range(0, found.Fates.Length).Where(place => ChangeFate.IsSent(found.Fates, place)).Select(place => found.First.Value + (ulong)place);
            if (!sent.SequenceEqual(changes.Select(static change => change.Logged.Number.Value)))
                Interlocked.Increment(ref missing);
            Interlocked.Increment(ref looked);
            return Task.FromResult<CarrierVerdict?>(null);
        };
        for (int i = 0; i < 30; i++)
        {
            client.Append(Store(Fid(50 + i % 3), i + 1));
            if (i % 4 == 0)
                client.Shipper.ShipNow(client.Log.Last);
        }
        await client.DrainAsync();
        Assert.InRange(looked, 1, 30);
        Assert.Equal(0, missing);
    }

    [Fact]
    public async Task ACrashBetweenSendAndReply_SendsTheSameBatchOnceMore_WithTheSameNumber()
    {
        var client = new ShippingClient(_disk, _server);
        var never = new TaskCompletionSource<CarrierOutcome>();
        client.Carrier.OnReply = (_, _) => never.Task;
        client.Append(Store(Fid(50), 1));
        client.Append(Store(Fid(50), 2));
        client.Append(Store(Fid(51), 3));
        client.Shipper.ShipNow(client.Log.Last);
        await Eventually.BecomesTrueAsync(() => _server.Batches == 1);
        client.Append(Store(Fid(51), 4)); // It would stand for the one before, had that not been sent.
        await client.Log.SyncAsync();
        TracedDisk left = LosePower(_disk);
        await client.DisposeAsync();

        await using var next = new ShippingClient(left, _server);
        await next.DrainAsync();
        Assert.Equal(["batch 1: 2 3", "batch 2: 4"], next.Carrier.Calls.Where(static call => call.StartsWith("batch", StringComparison.Ordinal)));
        Assert.Equal([2UL, 3UL, 4UL], _server.Applied);
        Assert.Empty(_server.Wrong);
    }

    [Fact]
    public async Task ALostSession_EndsIt_TellsAllWhoWait_AndAnotherGoesOn()
    {
        var client = new ShippingClient(_disk, _server, new WriteBehindOptions { MaxOperations = 3 });
        bool isLost = true;
        client.Carrier.OnBatch = (_, _) => Task.FromResult<CarrierVerdict?>(isLost ? CarrierVerdict.SessionLost : null);
        client.AppendAny(3);
        Task<Failure> room = client.Shipper.WaitForRoomAsync(Any(1), CancellationToken.None).AsTask();
        Task<Failure> shipped = client.Shipper.WaitShippedAsync(client.Log.Last, CancellationToken.None).AsTask();
        Assert.Equal((FailureKind.Unreachable, FailureKind.Unreachable), ((await room).Kind, (await shipped).Kind));
        Assert.Equal(ShippingEnd.SessionLost, await client.Shipper.Ended);
        Assert.Single(client.Carrier.Calls);
        Assert.Equal(FailureKind.Unreachable, (await client.Shipper.WaitShippedAsync(client.Log.Last, CancellationToken.None)).Kind);
        isLost = false;
        await using ChangeShipper again = client.Again();
        await Eventually.BecomesTrueAsync(() => _server.Applied.Count == 3);
        Assert.Equal(client.Carrier.Calls[0], client.Carrier.Calls[1]);
    }

    [Fact]
    public async Task TheEnd_TellsAllWhoWait_AndLeavesTheRestInTheLog()
    {
        var client = new ShippingClient(_disk, _server);
        client.Carrier.OnBatch = static (_, _) => Task.FromResult<CarrierVerdict?>(CarrierVerdict.Unreachable);
        client.AppendAny(3);
        client.Shipper.ShipNow(client.Log.Last);
        Task<Failure> shipped = client.Shipper.WaitShippedAsync(client.Log.Last, CancellationToken.None).AsTask();
        await Eventually.BecomesTrueAsync(() => client.Shipper.Figures.IsUnreachable);
        await client.DisposeAsync();
        Assert.Equal(FailureKind.ShuttingDown, (await shipped).Kind);
        Assert.Equal(3, Waiting(Open(_disk)).Count);
    }

    [Fact]
    public async Task WhereTheLogsDiskIsFull_NothingIsSent_UntilThereIsRoom()
    {
        var disk = new FullDisk(_disk);
        await using var client = new ShippingClient(disk, _server);
        client.AppendAny(3);
        disk.IsFull = true;
        Assert.Throws<DiskException>(() => client.AppendAny(1));
        client.Shipper.ShipNow(client.Log.Last);
        for (int i = 0; i < 20; i++)
        {
            client.Time.Advance(Second);
            await Task.Yield();
        }
        Assert.Empty(client.Carrier.Calls);
        disk.IsFull = false;
        await client.DrainAsync();
        Assert.Equal([1UL, 2UL, 3UL], _server.Applied);
    }

    internal static TracedDisk LosePower(TracedDisk disk)
    {
        DiskChange[] changes;
        lock (disk.Changes)
            changes = [.. disk.Changes];
        var replay = new PowerLossReplay(changes, new Random(changes.Length));
        replay.GoTo(changes.Length);
        return replay.LosePower(Survival.Random);
    }
}
