using Afs.Rpc;
using Afs.Vice.Callbacks;
using Afs.Vice.Tests.Harness;
using Afs.Wire;

namespace Afs.Vice.Tests;

/// <summary>Write tokens: who may change what without asking, and how others get at it.</summary>
public class TokenTests
{
    private static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(WriteTokens.QuietMs);

    [Theory, OnEachStore]
    public async Task A_token_is_one_sessions_and_comes_with_the_status_of_now(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        (TestClient a, TestClient b) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid root = await a.RootAsync(), f = await a.MakeAsync(root, "f"), gone = await a.MakeAsync(root, "gone");
        await a.RemoveAsync(root, "gone");
        AcquireTokensReply reply = (await a.AcquireAsync(root, gone, f)).Value;
        Assert.Equal([TokenOutcome.Granted, TokenOutcome.Gone, TokenOutcome.Granted], reply.Grants.Select(static grant => grant.Outcome));
        Assert.Equal((await a.StatusAsync(root))!, reply.Grants[0].Status);
        Assert.Equal([TokenOutcome.Contended, TokenOutcome.Contended], (await b.AcquireAsync(root, f)).Value.Grants.Select(static grant => grant.Outcome));
        Assert.Equal(TokenOutcome.Granted, await a.AcquireOneAsync(root));
        Assert.Empty(a.Venus.Calls);
        Assert.Equal(2, cell.Server.Promises.Tokens.Count);
    }

    [Fact]
    public async Task Who_trusts_the_vnode_has_let_go_before_the_token_is_given()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient b) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid root = await a.RootAsync();
        await b.PageAsync(root);
        cell.Time.Advance(Quiet);
        a.Contact();
        b.Contact();
        var acknowledge = new TaskCompletionSource();
        b.Venus.Acknowledge = acknowledge.Task;
        Task<TokenOutcome> first = a.AcquireOneAsync(root);
        await Eventually.BecomesTrueAsync(() => b.Venus.BrokenFids.Contains(root));
        Task<TokenOutcome> again = a.AcquireOneAsync(root);
        await TestCell.StaysPendingAsync(first);
        await TestCell.StaysPendingAsync(again);
        acknowledge.SetResult();
        Assert.Equal((TokenOutcome.Granted, TokenOutcome.Granted), (await first, await again));
        Assert.All(b.Venus.BrokenFids, fid => Assert.Equal(root, fid));
    }

    public static TheoryData<string> Reads => [nameof(IViceService.FetchStatusAsync), nameof(IViceService.FetchDirectoryAsync), nameof(IViceService.FetchXattrsAsync), nameof(IViceService.ValidateAsync)];

    [Theory, MemberData(nameof(Reads))]
    public async Task A_read_recalls_and_waits_for_the_return(string read)
    {
        using var cell = new TestCell();
        (TestClient a, TestClient b) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid root = await a.RootAsync();
        await b.RootAsync();
        Assert.Equal(TokenOutcome.Granted, await a.AcquireOneAsync(root));
        Task reading = ReadAsync(b, root, read);
        await Eventually.BecomesTrueAsync(() => a.Venus.RecalledFids.Count == 1);
        await a.ApplyAsync(root.Volume, 1, new BatchOperation { Create = a.CreateRequest(root, "f") });
        await TestCell.StaysPendingAsync(reading);
        await a.ReturnAsync(root);
        await reading;
        Assert.Equal(["f"], await b.NamesAsync(root));
        Assert.Equal([root], a.Venus.RecalledFids);
        Assert.Empty(a.Venus.BrokenFids);

        // It was promised nothing while it waited, and is now; the holder was all the time.
        Assert.Empty(b.Venus.Calls);
        await a.MakeAsync(root, "g");
        Assert.Equal([root], b.Venus.BrokenFids);
        await b.MakeAsync(root, "h");
        Assert.Equal([root], a.Venus.BrokenFids);
    }

    [Fact]
    public async Task A_content_that_is_fetched_is_what_the_holder_stored()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient b) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        Assert.Equal(TokenOutcome.Granted, await a.AcquireOneAsync(f));
        Task<Outcome<FetchDataReply>> fetch = b.FetchAsync(f).AsTask();
        await Eventually.BecomesTrueAsync(() => a.Venus.RecalledFids.Count == 1);
        await a.ApplyAsync(f.Volume, 1, new BatchOperation { StoreData = a.StoreRequest(f, [5], 1) });
        await a.ReturnAsync(f);
        Assert.Equal([5], (await fetch).Value.Content!);
    }

    [Theory, OnEachStore]
    public async Task A_change_by_another_recalls_waits_and_sees_the_holders_batch(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        (TestClient a, TestClient b) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid root = await a.RootAsync(), f = await a.MakeAsync(root, "f");
        await b.RootAsync();
        await a.AcquireAsync(root, f);
        CallContext call = b.Next();
        CreateRequest create = b.CreateRequest(root, "name");
        Task<Outcome<CreateReply>> creation = b.Vice.CreateAsync(create, call).AsTask();
        Task<Outcome<StoreDataReply>> store = b.StoreAsync(f, [2], 1).AsTask();
        await Eventually.BecomesTrueAsync(() => a.Venus.RecalledFids.Count == 2);
        await TestCell.StaysPendingAsync(creation);
        await TestCell.StaysPendingAsync(store);
        using (Volumes.Metadata.IMetadataView view = cell.Metadata.OpenView())
            Assert.Null(view.FindReply(b.Session, call.Id.Sequence));
        Assert.Empty((await a.ApplyAsync(
            root.Volume, 1, new BatchOperation { Create = a.CreateRequest(root, "name") }, new BatchOperation { StoreData = a.StoreRequest(f, [1], 1) })).Value.Refused);
        await a.ReturnAsync(root, f);
        Assert.Equal(AbortCodes.NameExists, (await creation).Abort);
        Assert.True((await store).Value.ReplacedUnseen);
        Assert.Equal([f], a.Venus.BrokenFids);
        Assert.Equal(AbortCodes.NameExists, (await b.Vice.CreateAsync(create, call)).Abort);
    }

    [Fact]
    public async Task However_a_read_and_a_token_race_a_read_after_the_grant_sees_what_the_holder_does()
    {
        using var cell = new TestCell(callersCommit: true);
        (TestClient a, TestClient b) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        await b.RootAsync();
        ulong version = 1;
        int granted = 0;
        for (int round = 0; round < 100; round++)
        {
            cell.Time.Advance(Quiet);
            a.Contact();
            b.Contact();
            a.Venus.Clear();
            Task<Outcome<FetchDataReply>> early = Task.Run(() => b.FetchAsync(f).AsTask());
            if (await a.AcquireOneAsync(f) == TokenOutcome.Granted)
            {
                granted++;
                Task<Outcome<FetchDataReply>> late = b.FetchAsync(f).AsTask();
                await Eventually.BecomesTrueAsync(() => a.Venus.RecalledFids.Count == 1);
                byte[] content = [(byte)round];
                await a.ApplyAsync(f.Volume, (ulong)granted, new BatchOperation { StoreData = a.StoreRequest(f, content, version++) });
                await a.ReturnAsync(f);
                Assert.Equal(content, (await late).Value.Content!);
            }
            Assert.True((await early).IsReply);
        }
        Assert.Equal(version, (await b.StatusAsync(f))!.DataVersion.Value);
    }

    [Fact]
    public async Task The_holders_own_calls_pass_without_a_recall()
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync(), f = await a.MakeAsync(root, "f");
        await a.AcquireAsync(root, f);
        await a.StatusAsync(f);
        await a.PageAsync(root, withStatus: true);
        Assert.True((await a.StoreAsync(f, [1], 1)).IsReply);
        Assert.True((await a.RenameAsync(root, "f", root, "g")).IsReply);
        Assert.Empty(a.Venus.Calls);
    }

    [Fact]
    public async Task Two_who_hold_one_each_and_want_the_others_both_go_on()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient b) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid root = await a.RootAsync(), x = await a.MakeAsync(root, "x", FileType.Directory), y = await a.MakeAsync(root, "y", FileType.Directory);
        await b.RootAsync();
        await a.AcquireOneAsync(x);
        await b.AcquireOneAsync(y);
        Task readsY = a.PageAsync(y).AsTask(), readsX = b.PageAsync(x).AsTask();
        await Eventually.BecomesTrueAsync(() => a.Venus.RecalledFids.Count == 1 && b.Venus.RecalledFids.Count == 1);

        // Even where their batches want what the other holds: who is waited for doesn't wait.
        Outcome<ApplyBatchReply>[] applied = await Task.WhenAll(
            a.ApplyAsync(root.Volume, 1, Creates(a, x), Creates(a, y)).AsTask(), b.ApplyAsync(root.Volume, 1, Creates(b, y), Creates(b, x)).AsTask());
        Assert.All(applied, static reply => Assert.Equal([new(1, AbortCodes.TokenHeld)], reply.Value.Refused));
        await Task.WhenAll(a.ReturnAsync(x), b.ReturnAsync(y));
        await Task.WhenAll(readsX, readsY);
        Assert.Equal(["f"], await b.NamesAsync(x));
        Assert.Equal(["f"], await a.NamesAsync(y));
    }

    [Fact]
    public async Task A_batch_of_a_session_that_nobody_waits_for_waits_as_any_change()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient b) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid root = await a.RootAsync(), x = await a.MakeAsync(root, "x", FileType.Directory);
        await b.RootAsync();
        await b.AcquireOneAsync(x);
        Task<Outcome<ApplyBatchReply>> applied = a.ApplyAsync(root.Volume, 1, Creates(a, root), Creates(a, x)).AsTask();
        await Eventually.BecomesTrueAsync(() => b.Venus.RecalledFids.Count == 1);
        await TestCell.StaysPendingAsync(applied);
        await b.ReturnAsync(x);
        Assert.Empty((await applied).Value.Refused);
        Assert.Equal(["f", "x"], await b.NamesAsync(root));
    }

    [Fact]
    public async Task A_lease_that_ends_frees_what_was_held()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient b) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid root = await a.RootAsync();
        await a.AcquireOneAsync(root);
        a.Detach();
        Task reading = b.PageAsync(root).AsTask();
        await TestCell.StaysPendingAsync(reading);
        await Eventually.BecomesTrueAsync(() => reading.IsCompleted, () =>
        {
            b.Contact();
            cell.Time.Advance(cell.ServerWait / 8);
        });
        await reading;
        Assert.Equal(0, cell.Server.Promises.Tokens.Count);
    }

    [Fact]
    public async Task A_session_that_ends_frees_what_it_held()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient b) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid root = await a.RootAsync();
        await a.AcquireOneAsync(root);
        Task reading = b.PageAsync(root).AsTask();
        await TestCell.StaysPendingAsync(reading);
        Assert.True((await a.Vice.EndSessionAsync(new EndSessionRequest(), a.Next())).IsReply);
        await reading;
    }

    [Fact]
    public async Task What_a_batch_makes_is_its_sessions_before_anybody_else_can_ask()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient b) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid root = await a.RootAsync();
        Fid[] given = await LeaseAsync(a, root, 3);
        Task<Outcome<FetchStatusReply>>? early = null;
        await b.RootAsync();
        cell.Hooks.OnCall = (_, name, _) =>
        {
            if (name == nameof(Volumes.Metadata.IMetadataTransaction.Commit) && early is null)
                early = b.Vice.FetchStatusAsync(new FetchStatusRequest { Fids = [given[0]] }, b.Next()).AsTask();
        };
        Assert.True(await a.ApplyWithTokensAsync(
            root.Volume, 1,
            new BatchOperation { Create = a.CreateRequest(root, "d", FileType.Directory) with { Given = given[0] } },
            new BatchOperation { Create = a.CreateRequest(given[0], "f") with { Given = given[1] } },
            new BatchOperation { Create = a.CreateRequest(given[0], "short") with { Given = given[2] } },
            new BatchOperation { Remove = new RemoveRequest { Parent = given[0], Name = "short"u8.ToArray(), IsDirectory = false, Time = a.Now() } }));
        cell.Hooks.OnCall = null;
        Assert.Equal(2, cell.Server.Promises.Tokens.Count);
        await Eventually.BecomesTrueAsync(() => a.Venus.RecalledFids.Count == 1);
        Task listing = b.PageAsync(given[0]).AsTask();
        await TestCell.StaysPendingAsync(early!);
        await TestCell.StaysPendingAsync(listing);
        await a.ReturnAsync(given[0]);
        await listing;
        Assert.NotNull((await early!).Value.Statuses[0]);

        // A listing with statuses doesn't wait for those of what another may be changing.
        FetchDirectoryReply reply = (await b.PageAsync(given[0], withStatus: true)).Value;
        Assert.Null(Assert.Single(reply.Entries).Status);
        Assert.Equal([given[0]], a.Venus.RecalledFids);
    }

    [Fact]
    public async Task Tokens_of_a_batch_that_is_not_committed_are_nobodys()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient b) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid root = await a.RootAsync();
        Fid[] given = await LeaseAsync(a, root, 1);
        await b.RootAsync();
        cell.Memory.BeforeCommit = static () => throw new Volumes.Metadata.StorageException(Volumes.Metadata.StorageFailure.NoSpace, "full");
        var request = new ApplyBatchRequest
        {
            Volume = root.Volume,
            Number = new BatchNumber(1),
            TakesTokens = true,
            Operations = [new BatchOperation { Create = a.CreateRequest(root, "f") with { Given = given[0] } }],
        };
        Assert.Equal(AbortCodes.NoSpace, (await a.Vice.ApplyBatchAsync(request, a.Next())).Abort);
        Assert.Equal(AbortCodes.NoSpace, (await a.AcquireAsync(root)).Abort);
        cell.Memory.BeforeCommit = null;
        Assert.Equal(0, cell.Server.Promises.Tokens.Count);
        Assert.Null(await b.StatusAsync(given[0]));
        Assert.Empty(await b.NamesAsync(root));
    }

    [Fact]
    public async Task Where_two_ask_nobody_has_it_until_it_is_quiet()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient b) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid root = await a.RootAsync();
        await b.PageAsync(root);
        Assert.Equal(TokenOutcome.Contended, await a.AcquireOneAsync(root));
        cell.Time.Advance(Quiet / 2);
        await a.MakeAsync(root, "f");
        cell.Time.Advance(Quiet / 2);
        Assert.Equal(TokenOutcome.Granted, await a.AcquireOneAsync(root));

        // It was recalled: neither has it again at once, and both go on without.
        Task<string[]> names = b.NamesAsync(root);
        await Eventually.BecomesTrueAsync(() => a.Venus.RecalledFids.Count == 1);
        Assert.Equal(TokenOutcome.Contended, await a.AcquireOneAsync(root));
        cell.Time.Advance(Quiet);
        await a.ReturnAsync(root);
        Assert.Equal(["f"], await names);
        Assert.Equal(TokenOutcome.Contended, await b.AcquireOneAsync(root));
        Assert.Equal(TokenOutcome.Contended, await a.AcquireOneAsync(root));
        Assert.True((await a.CreateAsync(root, "g")).IsReply);
        Assert.True((await b.CreateAsync(root, "h")).IsReply);
        Assert.Single(a.Venus.RecalledFids);
        cell.Time.Advance(Quiet);
        Assert.Equal(TokenOutcome.Granted, await b.AcquireOneAsync(root));
    }

    [Fact]
    public async Task Tokens_are_bounded_and_one_session_does_not_have_them_all()
    {
        using var cell = new TestCell(options: new() { MostTokens = 8 });
        (TestClient a, TestClient b) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid root = await a.RootAsync();
        await b.RootAsync();
        Fid[] made = [.. await Task.WhenAll(Enumerable.Range(0, 8).Select(i => a.MakeAsync(root, $"f{i}")))];
        cell.Time.Advance(Quiet);
        static int Granted(AcquireTokensReply reply) => reply.Grants.Count(static grant => grant.Outcome == TokenOutcome.Granted);
        Assert.Equal(4, Granted((await a.AcquireAsync(made)).Value));
        cell.Time.Advance(Quiet);
        Assert.Equal(2, Granted((await b.AcquireAsync(made[4..])).Value) + Granted((await b.AcquireAsync(made[..4])).Value));
        Fid[] given = await LeaseAsync(a, root, 1);
        Assert.False(await a.ApplyWithTokensAsync(root.Volume, 1, new BatchOperation { Create = a.CreateRequest(root, "g") with { Given = given[0] } }));
        Assert.Equal(AbortCodes.BadArgument, (await a.AcquireAsync([.. Enumerable.Repeat(root, Limits.TokensPerCall + 1)])).Abort);
        Assert.Equal(AbortCodes.BadArgument, (await a.AcquireAsync()).Abort);
        await a.ReturnAsync(made);
        Assert.Equal(2, cell.Server.Promises.Tokens.Count);
    }

    [Fact]
    public async Task Calls_that_wait_are_bounded_and_leave_room_for_those_by_which_a_holder_sends_and_returns()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient b) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid root = await a.RootAsync(), x = await a.MakeAsync(root, "x", FileType.Directory), y = await a.MakeAsync(root, "y", FileType.Directory);
        await b.RootAsync();
        await a.AcquireOneAsync(x);
        await b.AcquireOneAsync(y);
        const int Most = 64;
        Task<FetchStatus?>[] waiting = [.. Enumerable.Range(0, Most).Select(_ => b.StatusAsync(x))];
        await Eventually.BecomesTrueAsync(() => a.Venus.RecalledFids.Count == 1);
        await Assert.ThrowsAsync<CallPutOffException>(() => b.StatusAsync(x));
        await Assert.ThrowsAsync<CallPutOffException>(async () => await b.CreateAsync(x, "f"));
        Task<string[]> other = a.NamesAsync(y);
        await Eventually.BecomesTrueAsync(() => b.Venus.RecalledFids.Count == 1);
        Assert.Empty((await b.ApplyAsync(root.Volume, 1, Creates(b, y))).Value.Refused);
        await b.ReturnAsync(y);
        Assert.Equal(["f"], await other);
        await a.ReturnAsync(x);
        Assert.All(await Task.WhenAll(waiting), Assert.NotNull);
        Assert.NotNull(await b.StatusAsync(x));
    }

    [Fact]
    public async Task Who_keeps_what_others_wait_for_and_sends_nothing_loses_it_as_who_is_late()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient b) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid root = await a.RootAsync();
        await b.RootAsync();
        await a.AcquireOneAsync(root);
        Task reading = b.NamesAsync(root);
        await Eventually.BecomesTrueAsync(() => a.Venus.RecalledFids.Count == 1);

        async Task PassAsync(TimeSpan time)
        {
            for (TimeSpan passed = default; passed < time; passed += TimeSpan.FromSeconds(1))
            {
                cell.Time.Advance(TimeSpan.FromSeconds(1));
                a.Contact();
                b.Contact();
                await cell.Server.SweepAsync();
            }
        }
        await PassAsync(cell.Terms.ReturnPatience - TimeSpan.FromSeconds(2));
        Assert.Empty((await a.ApplyAsync(root.Volume, 1, Creates(a, root))).Value.Refused);
        await PassAsync(cell.Terms.ReturnPatience - TimeSpan.FromSeconds(2));
        await TestCell.StaysPendingAsync(reading);
        Assert.False(a.Trust.IsWithoutPromises);
        await PassAsync(TimeSpan.FromSeconds(3));
        await reading;
        Assert.True(a.Trust.IsWithoutPromises);
        Assert.Equal(0, cell.Server.Promises.Tokens.Count);
        Assert.Equal(TokenOutcome.Contended, await a.AcquireOneAsync(root));
    }

    [Theory, OnEachStore]
    public async Task After_a_restart_others_wait_until_the_holder_has_claimed_and_then_recall(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        (TestClient a, TestClient b) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid root = await a.RootAsync(), f = await a.MakeAsync(root, "f"), free = await a.MakeAsync(root, "free");
        await b.RootAsync();
        await a.AcquireAsync(root, f);
        cell.Restart();
        b.Attach();
        Task<string[]> names = b.NamesAsync(root);
        Task<FetchStatus?> other = b.StatusAsync(free);
        Task<Outcome<StoreDataReply>> store = b.StoreAsync(f, [2], 1).AsTask();
        await TestCell.StaysPendingAsync(Task.WhenAny(names, other, store));
        Assert.Equal(TokenOutcome.Contended, await b.AcquireOneAsync(free));
        a.Attach();
        Assert.Equal([TokenOutcome.Granted], await a.ClaimAsync(hasMore: true, root));
        await TestCell.StaysPendingAsync(Task.WhenAny(names, other, store));
        Assert.Equal([TokenOutcome.Granted], await a.ClaimAsync(hasMore: false, f));
        Assert.NotNull(await other);
        await Eventually.BecomesTrueAsync(() => a.Venus.RecalledFids.Count == 2);
        await TestCell.StaysPendingAsync(Task.WhenAny(names, store));
        Assert.Empty((await a.ApplyAsync(
            root.Volume, 1, new BatchOperation { StoreData = a.StoreRequest(f, [1], 1) }, new BatchOperation { Create = a.CreateRequest(root, "g") })).Value.Refused);
        await a.ReturnAsync(root, f);
        Assert.Equal(["f", "free", "g"], await names);
        Assert.True((await store).Value.ReplacedUnseen);
    }

    [Fact]
    public async Task After_a_restart_others_wait_no_longer_than_the_lease_of_a_holder_that_stays_away()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient b) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid root = await a.RootAsync();
        await b.RootAsync();
        await a.AcquireOneAsync(root);
        cell.Restart();
        b.Attach();
        Task reading = b.NamesAsync(root);
        await TestCell.StaysPendingAsync(reading);
        await Eventually.BecomesTrueAsync(() => reading.IsCompleted, () =>
        {
            b.Contact();
            cell.Time.Advance(cell.ServerWait / 8);
        });

        // It comes too late: what it held is as anybody's.
        await b.NamesAsync(root);
        a.Attach();
        Assert.Equal([TokenOutcome.Contended], await a.ClaimAsync(hasMore: false, root));
    }

    [Fact]
    public async Task A_holder_that_comes_back_and_claims_nothing_is_not_waited_for_for_ever()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient b) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid root = await a.RootAsync();
        await b.RootAsync();
        await a.AcquireOneAsync(root);
        cell.Restart();
        a.Attach();
        b.Attach();
        Task reading = b.NamesAsync(root);
        await TestCell.StaysPendingAsync(reading);
        for (TimeSpan passed = default; passed <= cell.ServerWait; passed += TimeSpan.FromSeconds(1))
        {
            cell.Time.Advance(TimeSpan.FromSeconds(1));
            a.Contact();
            b.Contact();
            await cell.Server.SweepAsync();
        }
        await reading;
    }

    [Theory, OnEachStore]
    public async Task Without_a_holder_nothing_waits_after_a_restart_that_did_not_before(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        (TestClient a, TestClient b) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid root = await a.RootAsync();
        await b.RootAsync();
        await a.AcquireOneAsync(root);
        await a.ReturnAsync(root);

        // The mark goes lazily; then a restart waits for nobody.
        cell.Time.Advance(cell.ServerWait);
        a.Contact();
        b.Contact();
        await cell.Server.SweepAsync();
        cell.Restart();
        b.Attach();
        Assert.Empty(await b.NamesAsync(root));
    }

    private static async Task<Fid[]> LeaseAsync(TestClient client, Fid root, int count)
    {
        LeaseVnodesReply lease = (await client.LeaseAsync(root.Volume, count)).Value;
        return [.. Enumerable.Range(0, count).Select(i => new Fid(root.Volume, new VnodeNumber(lease.First.Value + (ulong)i), lease.Uniquifier))];
    }

    private static BatchOperation Creates(TestClient client, Fid directory) => new() { Create = client.CreateRequest(directory, "f") };

    private static async Task ReadAsync(TestClient client, Fid fid, string read)
    {
        switch (read)
        {
            case nameof(IViceService.FetchStatusAsync):
                await client.StatusAsync(fid);
                break;
            case nameof(IViceService.FetchDirectoryAsync):
                await client.PageAsync(fid);
                break;
            case nameof(IViceService.FetchXattrsAsync):
                await client.Vice.FetchXattrsAsync(new FetchXattrsRequest { Fid = fid }, client.Next());
                break;
            default:
                CachedVersion[] cached = [new(fid.Vnode, fid.Uniquifier, new StatusVersion(1))];
                await client.Vice.ValidateAsync(new ValidateRequest { Volume = fid.Volume, Entries = cached }, client.Next());
                break;
        }
    }
}
