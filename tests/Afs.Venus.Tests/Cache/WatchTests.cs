using Afs.Rpc;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>What a watch tells, and what it doesn't.</summary>
public class WatchTests
{
    private static readonly Requester Owner = new(0, 0, [], IsOwner: true);
    private static readonly Requester Other = new(7, 7, [8], IsOwner: false);

    [Fact]
    public async Task WhatOthersStore_IsTold_AndWhatThisClientStores_IsNot()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient b = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f");
        await using Reading reading = await Reading.BeginAsync(a);
        await a.WriteAsync(fid, "own");
        await b.WriteAsync(fid, "foreign");

        WatchedChange told = await reading.NextAsync();

        Assert.Equal((WatchedKind.Stored, "f", "foreign".Length), (told.Kind, told.Path, told.Status!.LengthBytes));
    }

    [Fact]
    public async Task EveryStore_IsTold_ThoughItsPromiseWasMadeAnewEachTime()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient b = await TestClient.OpenAsync(volume);
        Fid fid = await b.CreateAsync("f");
        await using Reading reading = await Reading.BeginAsync(a);
        for (int i = 1; i <= 20; i++)
        {
            await b.WriteAsync(fid, new string('x', i));
            Assert.Equal(i, (await reading.NextAsync()).Status!.LengthBytes);
        }
    }

    [Fact]
    public async Task APromiseThatWasDroppedWithoutAChange_TellsNothing()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient b = await TestClient.OpenAsync(volume);
        Fid first = await a.CreateAsync("first"), second = await a.CreateAsync("second");
        await using Reading reading = await Reading.BeginAsync(a);
        await BreakAsync(a, first);
        await b.WriteAsync(second, "x");

        Assert.Equal((WatchedKind.Stored, "second"), await reading.NextKindAsync());
    }

    [Fact]
    public async Task ASlowReader_IsToldHowManyItMissed()
    {
        const int Waiting = 1024, Breaks = 3000;
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f");
        await using Reading reading = await Reading.BeginAsync(a);
        for (int i = 0; i < Breaks; i++)
            await BreakAsync(a, fid);

        WatchedChange told = await reading.NextAsync();

        Assert.Equal((WatchedKind.Missed, Breaks - Waiting), (told.Kind, told.Count));
    }

    [Fact]
    public async Task WhatChangedWithoutContact_IsToldAfterwards()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient b = await TestClient.OpenAsync(volume);
        Fid fid = await b.CreateAsync("f");
        await using Reading reading = await Reading.BeginAsync(a);
        a.Server.Stub.IsCut = true;
        a.Server.Trust.Distrust(Callbacks.SuspectReason.ServerRestarted);

        Assert.Equal(WatchedKind.OutOfTouch, (await reading.NextAsync()).Kind);
        await b.WriteAsync(fid, "meanwhile");
        a.Server.Stub.IsCut = false;
        Task<WatchedChange> next = reading.NextAsync();
        await Eventually.BecomesTrueAsync(() => next.IsCompleted, () => a.Time.Advance(TimeSpan.FromSeconds(1)));
        Assert.Equal(WatchedKind.InTouch, (await next).Kind);
        Assert.Equal((WatchedKind.Stored, "f"), await reading.NextKindAsync());
    }

    [Fact]
    public async Task AFolderThatTheAskerMayNotRead_IsRefused()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        Fid closed = await a.CreateAsync("closed", type: FileType.Directory); // Mode 0644: nobody but its owner may search it.
        await a.CreateAsync("f", closed);

        Assert.Equal(AbortCodes.NotPermitted, (await a.Manager.Inspection.FindAsync("closed/f", Other, default)).Failure.Abort);
        Assert.True((await a.Manager.Inspection.FindAsync("closed/f", Owner, default)).IsSuccess);
        Assert.Equal(AbortCodes.NameNotFound, (await a.Manager.Inspection.FindAsync("none", Owner, default)).Failure.Abort);
        Assert.Equal(AbortCodes.BadName, (await a.Manager.Inspection.FindAsync("closed/../f", Owner, default)).Failure.Abort);
    }

    [Fact]
    public async Task WatchesAreBounded_AndGiveTheirPlaceBack()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        var watches = new List<PathWatch>();
        while (a.Manager.Watches.TryBegin("", false, Owner, out PathWatch? watch))
            watches.Add(watch);

        Assert.Equal(Watches.Most, watches.Count);
        watches.ForEach(static watch => watch.Dispose());
        Assert.True(a.Manager.Watches.TryBegin("", false, Owner, out PathWatch? again));
        again.Dispose();
    }

    private static async Task BreakAsync(TestClient client, Fid fid) => Assert.True((await client.Manager.Callbacks.BreakPromisesAsync(
        new BreakPromisesRequest { Breaks = [new PromiseBreak { Fid = fid }], Volumes = [] }, new CallContext())).IsReply);

    /// <summary>A watch of the mount point that is read one change at a time.</summary>
    private sealed class Reading(PathWatch watch, CancellationTokenSource end) : IAsyncDisposable
    {
        private readonly IAsyncEnumerator<WatchedChange> _changes = watch.RunAsync(OperationContext.OfClient(end.Token)).GetAsyncEnumerator();

        public static async Task<Reading> BeginAsync(TestClient client)
        {
            Assert.True(client.Manager.Watches.TryBegin("", isRecursive: false, Owner, out PathWatch? watch));
            Assert.Equal(Failure.None, await watch.BeginAsync(default));
            var reading = new Reading(watch, new CancellationTokenSource());
            Assert.Equal(WatchedKind.Watching, (await reading.NextAsync()).Kind);
            return reading;
        }

        public async Task<WatchedChange> NextAsync()
        {
            Assert.True(await _changes.MoveNextAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30)));
            return _changes.Current;
        }

        public async Task<(WatchedKind Kind, string? Path)> NextKindAsync()
        {
            WatchedChange change = await NextAsync();
            return (change.Kind, change.Path);
        }

        public async ValueTask DisposeAsync()
        {
            await end.CancelAsync();
            await _changes.DisposeAsync();
            watch.Dispose();
            end.Dispose();
        }
    }
}
