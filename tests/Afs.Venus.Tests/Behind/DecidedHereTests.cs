using Afs.Rpc;
using Afs.Venus.Cache;
using Afs.Venus.Callbacks;
using Afs.Wire;
using static Afs.Venus.Tests.TestChanges;

namespace Afs.Venus.Tests;

/// <summary>What is decided here goes by what the server will have, whatever comes in between.</summary>
public sealed class DecidedHereTests
{
    private static readonly Fid File = Fid(7), Other = Fid(8);

    [Fact]
    public async Task RepliesOfTheServer_InTheWrongOrder_LeaveTheNewerVersion()
    {
        var volume = new BehindVolume();
        Assert.Equal(2UL, (await volume.SetModeAsync(File)).StatusVersion.Value);
        var replies = new List<TaskCompletionSource<Outcome<StoreDataReply>>>();
        volume.Server.OnStore = _ =>
        {
            replies.Add(new());
            return replies[^1].Task;
        };
        Task first = volume.StoreUploadedAsync(File);
        await Eventually.BecomesTrueAsync(() => replies.Count == 1);
        Task second = volume.StoreUploadedAsync(File);
        await Eventually.BecomesTrueAsync(() => replies.Count == 2);
        replies[1].SetResult(new StoreDataReply { Status = BehindVolume.Status(File, 4), ReplacedUnseen = false });
        replies[0].SetResult(new StoreDataReply { Status = BehindVolume.Status(File, 3), ReplacedUnseen = false });
        await Task.WhenAll(first, second);
        Assert.Equal(5UL, (await volume.SetModeAsync(File)).StatusVersion.Value);
    }

    [Fact]
    public async Task ATokenWhoseStatusIsFromBeforeACallThatWasAnsweredSince_IsAskedForOnceMore()
    {
        var volume = new BehindVolume();
        await volume.SetModeAsync(Other);
        var grant = new TaskCompletionSource<Outcome<AcquireTokensReply>>();
        volume.Server.OnAcquire = _ => grant.Task;
        Task<FetchStatus> change = volume.SetModeAsync(File);
        await Eventually.BecomesTrueAsync(() => volume.Server.Count("acquire 7") == 1);
        volume.Server.OnStore = static request => Task.FromResult<Outcome<StoreDataReply>>(new StoreDataReply { Status = BehindVolume.Status(request.Fid, 2), ReplacedUnseen = false });
        await volume.StoreUploadedAsync(File);
        volume.Server.OnAcquire = static _ => Task.FromResult<Outcome<AcquireTokensReply>>(new AcquireTokensReply
        {
            Grants = [new TokenGrant { Outcome = TokenOutcome.Granted, Status = BehindVolume.Status(File, 2) }],
        });
        grant.SetResult(new AcquireTokensReply { Grants = [new TokenGrant { Outcome = TokenOutcome.Granted, Status = BehindVolume.Status(File, 1) }] });
        Assert.Equal(3UL, (await change).StatusVersion.Value);
        Assert.Equal(2, volume.Server.Count("acquire 7"));
    }

    [Fact]
    public async Task AfterARefusal_NothingIsReadOfWhatItTouched_BeforeAllThatWaitsIsThere_AndItsTokensAreReturned()
    {
        var volume = new BehindVolume();
        var answers = new List<TaskCompletionSource<Outcome<ApplyBatchReply>>>();
        volume.Server.OnBatch = _ =>
        {
            answers.Add(new());
            return answers[^1].Task;
        };
        await volume.CreateAsync("a");
        Task<bool> shipped = volume.Behind.ShipAsync(CancellationToken.None).AsTask();
        await Eventually.BecomesTrueAsync(() => answers.Count == 1);
        await volume.CreateAsync("b"); // Doesn't need the other, and counts it in the directory's version.
        answers[0].SetResult(new ApplyBatchReply { Refused = [new RefusedOperation(0, AbortCodes.NoSpace)], HasTokens = true });
        Assert.True(await shipped);
        Assert.Contains(Root, volume.Caches.Disowned);
        Task<bool> read = volume.Behind.BeforeReadAsync(Root, new CallContext()).AsTask();
        await Eventually.BecomesTrueAsync(() => answers.Count == 2);
        Assert.False(read.IsCompleted);
        int before = volume.Caches.Disowned.Count(static fid => fid == Root);
        answers[1].SetResult(new ApplyBatchReply { Refused = [], HasTokens = true });
        Assert.True(await read);
        Assert.True(volume.Caches.Disowned.Count(static fid => fid == Root) > before);
        await Eventually.BecomesTrueAsync(() => volume.Server.Calls.Any(static call => call.StartsWith("return 1 ", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task WhatWasHeld_IsClaimedFromARestartedServer_WhileABatchWaitsThereForThat()
    {
        var volume = new BehindVolume();
        var answer = new TaskCompletionSource<Outcome<ApplyBatchReply>>();
        volume.Server.OnBatch = _ => answer.Task;
        await volume.SetModeAsync(File);
        volume.Behind.Recall([File]);
        await Eventually.BecomesTrueAsync(() => volume.Server.Count("batch") == 1);
        volume.Behind.TrustLost(SuspectReason.ServerRestarted);
        await Eventually.BecomesTrueAsync(() => volume.Server.Count("claim") == 2); // The file, and that it is all.
        Assert.Equal(0, volume.Server.Count("return"));
        answer.SetResult(new ApplyBatchReply { Refused = [], HasTokens = true });
        await Eventually.BecomesTrueAsync(() => volume.Server.Count("return 7") >= 1);
    }

    [Fact]
    public async Task TokensAreReturned_UntilTheServerSaysThatItKnows()
    {
        var volume = new BehindVolume();
        int lost = 2;
        volume.Server.OnReturn = _ => lost-- > 0 ? Outcome<ReturnTokensReply>.NotExecuted : new ReturnTokensReply();
        await volume.SetModeAsync(File);
        volume.Behind.Recall([File]);
        await Eventually.BecomesTrueAsync(() => volume.Server.Count("return 7") == 3, () => volume.Time.Advance(TimeSpan.FromSeconds(1)));
    }

    [Fact]
    public async Task NoNumbersAreLeased_WhileWhatAnEarlierDaemonLeftWaits_UnderItsOwn()
    {
        var disk = new TracedDisk();
        Open(disk).Append(Status(File, StatusFields.Mode) with { Request = WireCodec.ToBytes(new BatchOperation()) });
        var volume = new BehindVolume(Open(disk));
        var answer = new TaskCompletionSource<Outcome<ApplyBatchReply>>();
        volume.Server.OnBatch = _ => answer.Task;
        Task<FetchStatus> change = volume.SetModeAsync(File);
        await Eventually.BecomesTrueAsync(() => volume.Server.Count("batch") == 1);
        Assert.Equal(0, volume.Server.Count("lease"));
        Assert.False(change.IsCompleted);
    }

    /// <summary>The server keeps four blocks of a client: a fifth would take the first from changes that wait.</summary>
    [Fact]
    public async Task NoMoreBlocksAreLeased_ThanTheServerKeeps_WhileWhatHasTheirNumbersWaits()
    {
        var volume = new BehindVolume();
        var answer = new TaskCompletionSource<Outcome<ApplyBatchReply>>();
        volume.Server.OnBatch = _ => answer.Task;
        const int ofBlock = 2048, blocks = Limits.LeasesPerClient - 1;
        Task all = Task.Run(async () =>
        {
            for (int i = 0; i < ofBlock * Limits.LeasesPerClient; i++)
                await volume.CreateAsync($"f{i}");
        });
        await Eventually.BecomesTrueAsync(() => volume.Log.WaitingChanges == ofBlock * blocks);
        Assert.Equal(blocks, volume.Server.Count("lease"));
        volume.Server.OnBatch = static _ => Task.FromResult<Outcome<ApplyBatchReply>>(new ApplyBatchReply { Refused = [], HasTokens = true });
        answer.SetResult(new ApplyBatchReply { Refused = [], HasTokens = true });
        await all;
        Assert.InRange(volume.Server.Count("lease"), Limits.LeasesPerClient, int.MaxValue);
    }

    [Fact]
    public async Task AListing_BringsNoStatuses_WhileSomethingWaits()
    {
        var volume = new BehindVolume();
        var vice = new BehindVice(volume.Server);
        vice.Attach(volume.Behind);
        var list = new FetchDirectoryRequest { Directory = Root, Have = default, After = null, MostEntries = 10, WithStatus = true };
        await volume.SetModeAsync(File);
        await vice.FetchDirectoryAsync(list, new CallContext());
        Assert.Equal("list", volume.Server.Calls[^1]);
        Assert.True(await volume.Behind.ShipAsync(CancellationToken.None));
        await vice.FetchDirectoryAsync(list, new CallContext());
        Assert.Equal("list with statuses", volume.Server.Calls[^1]);
    }

    [Fact]
    public async Task WhatIsInDoubt_IsSoForTheNextDaemon_UntilTheCacheIsAssured()
    {
        var volume = new BehindVolume();
        var next = new CacheCertainty(volume.Disk, "boot", wasCleanEnd: false, TestChanges.Volume);
        volume.Behind.Assure();
        Assert.False(next.IsDoubtful(hadLog: true));
        Assert.True(new CacheCertainty(volume.Disk, "another", wasCleanEnd: false, TestChanges.Volume).IsDoubtful(hadLog: true));
        Assert.False(new CacheCertainty(volume.Disk, "another", wasCleanEnd: true, TestChanges.Volume).IsDoubtful(hadLog: true));
        var answer = new TaskCompletionSource<Outcome<ApplyBatchReply>>();
        volume.Server.OnBatch = _ => answer.Task;
        await volume.SetModeAsync(File);
        volume.Behind.TrustLost(SuspectReason.LeaseEnded);
        Assert.True(next.IsDoubtful(hadLog: true));
        volume.Behind.Assure();
        Assert.True(next.IsDoubtful(hadLog: true));
        answer.SetResult(new ApplyBatchReply { Refused = [], HasTokens = true });
        await Eventually.BecomesTrueAsync(() => volume.Server.Count("return 7") == 1);
        volume.Behind.Assure();
        Assert.False(next.IsDoubtful(hadLog: true));
    }

    [Fact]
    public async Task WithoutALease_NothingIsDecidedHere()
    {
        var volume = new BehindVolume();
        await volume.SetModeAsync(File);
        volume.Caches.HasLease = false;
        await Assert.ThrowsAsync<NotSupportedException>(() => volume.SetModeAsync(File)); // By the server that was asked.
        Assert.Equal(1, volume.Server.Count("batch")); // After what was logged.
    }
}
