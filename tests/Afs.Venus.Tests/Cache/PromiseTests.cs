using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>The rules of PromiseRules, on the whole cache.</summary>
public class PromiseTests
{
    [Fact]
    public async Task ABreakThatOvertakesAReply_LeavesDataForTheAskerAndNoPromise()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient b = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, "old");
        b.Server.Stub.After = async name =>
        {
            if (name != "FetchData")
                return;
            b.Server.Stub.After = null;
            await a.WriteAsync(fid, "newer"); // Breaks b, while b's reply is on its way.
        };
        using IContainer opened = await b.OpenAsync(fid);
        Assert.Equal("old"u8.ToArray(), TestClient.ReadAll(opened));
        Assert.False(b.Manager.Statuses.TryGet(fid, out _));
        Assert.False(b.Manager.Contents.TryOpenForReading(fid, proven: null, out _));
        Assert.Equal("newer", await b.ReadAsync(fid));
    }

    [Fact]
    public async Task WhoeverJoinsAFetchThatABreakOvertook_AsksAgain()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient b = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, "old");
        Task<string>? joined = null;
        b.Server.Stub.After = async name =>
        {
            if (name != "FetchData")
                return;
            b.Server.Stub.After = null;
            await a.WriteAsync(fid, "newer");
            joined = b.ReadAsync(fid); // After the writer's close returned: must see it.
        };
        Assert.Contains(await b.ReadAsync(fid), (string[])["old", "newer"]);
        Assert.Equal("newer", await joined!);
    }

    [Fact]
    public async Task TheLeaseEnds_AndNothingIsTrusted_UntilTheServerIsAskedAgain()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, "x");
        await a.ListAsync();
        a.Server.Stub.IsCut = true;
        a.Time.Advance(a.Server.Lease - TimeSpan.FromSeconds(1));
        Assert.True(a.Manager.Statuses.TryGet(fid, out _));
        Assert.Equal("x", await a.ReadAsync(fid));
        a.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(a.Manager.Statuses.TryGet(fid, out _));
        Assert.False(a.Manager.Contents.TryOpenForReading(fid, proven: null, out _));
        Assert.Equal(LookupAnswer.Unknown, a.Manager.Directories.TryLookup(a.Root, "f"u8, out _, out _));
        Assert.Equal(FailureKind.Unreachable, (await a.Manager.Contents.OpenAsync(fid, false, false, default)).Failure.Kind);
        Assert.Equal(FailureKind.Unreachable, (await a.Manager.Directories.LoadAsync(a.Root, default)).Kind);
        a.Server.Stub.IsCut = false;
        Assert.Equal("x", await a.ReadAsync(fid));
        Assert.Equal(0, a.Server.Stub.CountOf("Download"));
    }

    [Fact]
    public async Task AnEpochChange_MakesAllSuspect_TellsTheKernel_AndIsValidatedInBulk()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient b = await TestClient.OpenAsync(volume);
        var fids = new List<Fid>();
        for (int i = 0; i < 100; i++)
            fids.Add(await a.CreateAsync($"f{i}"));
        volume.Forget(a.Server);
        await b.WriteAsync(fids[7], "changed while nobody could break it");
        volume.Epoch++;
        int calls = a.Server.Stub.Count;
        a.Server.Connect();
        Assert.Equal(1, a.Kernel.All);
        Assert.False(a.Manager.Statuses.TryGet(fids[0], out _));
        await Eventually.BecomesTrueAsync(() => a.Manager.Statuses.TryGet(fids[99], out _), () => a.Time.Advance(TimeSpan.FromMilliseconds(100)));
        Assert.False(a.Manager.Statuses.TryGet(fids[7], out _));
        Assert.All(fids.Where(f => f != fids[7]), fid => Assert.True(a.Manager.Statuses.TryGet(fid, out _)));
        Assert.Equal(1, a.Server.Stub.CountOf("Validate"));
        Assert.InRange(a.Server.Stub.Count - calls, 1, 3);
    }

    [Fact]
    public async Task AVolumeBreak_MakesAllSuspect()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f");
        await a.Manager.Callbacks.BreakPromisesAsync(new BreakPromisesRequest { Breaks = [], Volumes = [MemoryVolume.Id] }, default);
        Assert.False(a.Manager.Statuses.TryGet(fid, out _));
        Assert.True(a.Kernel.All > 0);
        Assert.Equal("", await a.ReadAsync(fid));
        Assert.True(a.Manager.Statuses.TryGet(fid, out _));
    }

    [Fact]
    public async Task AMutationInDoubt_LeavesItsDirectorySuspect()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        Fid fid = await a.CreateAsync("f");
        await a.ListAsync();
        a.Server.Stub.After = name =>
        {
            a.Server.Stub.IsCut = name == "Remove";
            return Task.CompletedTask;
        };
        Failure failure = await a.Manager.Operations.RemoveAsync(a.Root, "f"u8.ToArray(), isDirectory: false, default);
        Assert.Equal(FailureKind.InDoubt, failure.Kind);
        Assert.False(a.Manager.Statuses.TryGet(a.Root, out _));
        Assert.False(a.Manager.Statuses.TryGet(fid, out _));
        Assert.Contains(a.Root, a.Kernel.Broken);
        a.Server.Stub.IsCut = false;
        Assert.Null(await a.LookupAsync("f"));
    }

    [Fact]
    public async Task PromisesOfEvictedVnodes_AreGivenUp_AndThoseOfRetainedOnesAreNot()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume, limits: new CacheLimits { ReservedFreeBytes = 0, MostVnodes = 128 });
        Fid kept = await a.CreateAsync("kept");
        a.Manager.Statuses.Retain(kept);
        var fids = new List<Fid>();
        for (int i = 0; i < 1000; i++)
            fids.Add(await a.CreateAsync($"f{i}"));
        await Eventually.BecomesTrueAsync(() => fids.Count(fid => volume.IsPromised(fid, a.Server)) <= 200, () => a.Time.Advance(TimeSpan.FromSeconds(1)));
        Assert.True(a.Manager.Statuses.TryGet(kept, out _));
        Assert.All(fids.Where(fid => a.Manager.Statuses.TryGet(fid, out _)), fid => Assert.True(volume.IsPromised(fid, a.Server)));
        Assert.InRange(a.Figure("vnodes"), 1, 300);
        a.Manager.Statuses.Release(kept);
    }

    [Fact]
    public async Task ParallelChangesOfOneDirectory_KeepItCached_WhateverTheOrderOfTheirReplies()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await a.ListAsync();
        var first = new TaskCompletionSource();
        int creates = 0;
        a.Server.Stub.After = name => name == "Create" && Interlocked.Increment(ref creates) == 1 ? first.Task : Task.CompletedTask;
        Task<Fid> slow = a.CreateAsync("slow");
        Task<Fid> fast = a.CreateAsync("fast");
        await fast;
        Assert.False(a.Manager.Statuses.TryGet(a.Root, out _), "A gap: the directory isn't trusted.");
        first.SetResult();
        await slow;
        Assert.Equal(await fast, await a.LookupAsync("fast"));
        Assert.Equal(await slow, await a.LookupAsync("slow"));
        Assert.Equal(1, a.Server.Stub.CountOf("FetchDirectory"));
        Assert.Equal(0, a.Server.Stub.CountOf("FetchStatus"));
    }

    [Fact]
    public async Task AnothersChangeBetweenTwoOfOurs_IsNotTakenForOurOwn()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient b = await TestClient.OpenAsync(volume);
        await a.ListAsync();
        Task? other = null;
        var hold = new TaskCompletionSource();
        a.Kernel.OnBreak = _ => { };
        a.Server.Stub.Before = name =>
        {
            // The break for b's change is on its way when ours runs.
            if (name == "Create" && other is null)
                other = b.CreateAsync("theirs");
            return other ?? Task.CompletedTask;
        };
        await a.CreateAsync("ours");
        await other!;
        hold.SetResult();
        Assert.Equal(["ours", "theirs"], await a.ListAsync());
    }
}
