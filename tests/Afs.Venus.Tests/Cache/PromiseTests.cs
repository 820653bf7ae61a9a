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

    /// <summary>Its reply alone would have told of what became of them.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ARenameInDoubt_LeavesTheFilesSuspect_ThatItWasAbout_OrAll(bool isListed)
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        Fid moved = await a.CreateAsync("f"), replaced = await a.CreateAsync("g"), other = await a.CreateAsync("other");
        await a.ListAsync();
        await using TestClient b = await TestClient.OpenAsync(volume);
        if (!isListed)
            await b.CreateAsync("new");
        a.Server.Stub.After = name =>
        {
            a.Server.Stub.IsCut = name == "Rename";
            return Task.CompletedTask;
        };
        Failure failure = await a.Manager.Operations.RenameAsync(a.Root, "f"u8.ToArray(), a.Root, "g"u8.ToArray(), RenameMode.Replace, default);
        Assert.Equal(FailureKind.InDoubt, failure.Kind);
        Assert.False(a.Manager.Statuses.TryGet(moved, out _));
        Assert.False(a.Manager.Statuses.TryGet(replaced, out _));
        Assert.Equal(isListed, a.Manager.Statuses.TryGet(other, out _));
        a.Server.Stub.IsCut = false;
        Assert.Equal(moved, await a.LookupAsync("g"));
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

    [Fact]
    public async Task WithoutPromises_EachOperationSeesWhatWasClosedBeforeItBegan_AndAllOfThemWork()
    {
        var volume = new MemoryVolume();
        await using TestClient a = await TestClient.OpenAsync(volume);
        await using TestClient late = await TestClient.OpenAsync(volume);
        Fid folder = await a.CreateAsync("d", type: FileType.Directory), fid = await a.CreateAsync("f", folder);
        await a.WriteAsync(fid, "0");
        Assert.Equal("0", await late.ReadAsync(fid));
        late.Server.Serve(withoutPromises: true);
        await late.Server.Vice.ProbeAsync(new ProbeRequest(), default);
        for (int round = 1; round < 5; round++)
        {
            await a.WriteAsync(fid, $"{round}");
            Fid made = await a.CreateAsync($"new{round}", folder);
            Begin(late);
            Assert.Equal(Failure.None, await late.Manager.Directories.LoadAsync(folder, default));
            Assert.Equal(LookupAnswer.Found, late.Manager.Directories.TryLookup(folder, MemoryVice.Name($"new{round}"), out Fid found, out _));
            Assert.Equal(made, found);
            Assert.False(late.Manager.Statuses.MayBeKept(fid));
            Begin(late);
            Assert.Equal($"{round}", await late.ReadAsync(fid));
            Begin(late);
            await late.WriteAsync(found, $"mine{round}");
            await late.CreateAsync($"mine{round}", folder);
            Assert.Equal($"mine{round}", await a.ReadAsync(made));
        }
        Assert.False(volume.IsPromised(fid, late.Server));
        Assert.Equal(0, volume.Unseen);

        late.Server.Serve(withoutPromises: false);
        Begin(late);
        Assert.Equal("4", await late.ReadAsync(fid));
        Begin(late);
        Assert.Equal("4", await late.ReadAsync(fid));
        Assert.True(late.Manager.Statuses.TryGet(fid, out _));
        Assert.True(volume.IsPromised(fid, late.Server));
        await a.WriteAsync(fid, "5");
        Assert.Equal("5", await late.ReadAsync(fid));
    }

    [Fact]
    public async Task WithoutPromises_AnOperationThatBeginsAsksAnew_AlsoWhereOthersHaveJustAsked()
    {
        var volume = new MemoryVolume();
        await using TestClient late = await TestClient.OpenAsync(volume);
        Fid fid = await late.CreateAsync("f");
        late.Server.Serve(withoutPromises: true);
        await late.Server.Vice.ProbeAsync(new ProbeRequest(), default);
        Begin(late);
        await late.Manager.Statuses.GetAsync(fid, default);
        int asked = late.Server.Stub.Calls.Count;
        await late.Manager.Statuses.GetAsync(fid, default);
        Assert.Equal(asked, late.Server.Stub.Calls.Count);
        Begin(late);
        Assert.False(late.Manager.Statuses.TryGet(fid, out _));
        await late.Manager.Statuses.GetAsync(fid, default);
        Assert.Equal(asked + 1, late.Server.Stub.Calls.Count);
    }

    /// <summary>As each request of the kernel does.</summary>
    private static void Begin(TestClient client) => client.Manager.BeginOperation();
}
