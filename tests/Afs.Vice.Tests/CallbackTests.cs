using System.Text;
using Afs.Rpc;
using Afs.Vice.Service;
using Afs.Vice.Tests.Harness;
using Afs.Wire;

namespace Afs.Vice.Tests;

public class CallbackTests
{
    [Theory, OnEachStore]
    public async Task Every_other_holder_is_told_and_the_writer_is_not(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        (TestClient a, TestClient b, TestClient c) = (await cell.ConnectAsync(), await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid root = await a.RootAsync(), f = await a.MakeAsync(root, "f");
        await b.FetchAsync(f);
        await a.StoreAsync(f, [1], 1);
        Assert.Equal([f], b.Venus.BrokenFids);
        Assert.Empty(c.Venus.Calls);
        Assert.Empty(a.Venus.Calls);

        await a.StoreAsync(f, [2], 2);
        Assert.Single(b.Venus.Calls);
        await b.FetchAsync(f);
        await a.StoreAsync(f, [3], 3);
        Assert.Equal(2, b.Venus.Calls.Count);
    }

    [Fact]
    public async Task A_directory_break_names_what_changed()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient b) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid root = await a.RootAsync();
        await a.MakeAsync(root, "old");
        await b.PageAsync(root);
        await a.RenameAsync(root, "old", root, "new");
        PromiseBreak told = Assert.Single(Assert.Single(b.Venus.Calls).Breaks);
        Assert.Equal(root, told.Fid);
        Assert.Equal(["new", "old"], told.Names!.Select(name => Encoding.UTF8.GetString(name.Name)).Order());

        await b.StatusAsync(root);
        await a.Vice.StoreStatusAsync(new StoreStatusRequest { Fid = root, Fields = StatusFields.Mode, Mode = 0x1FF, ChangeTime = a.Now() }, a.Next());
        Assert.Null(Assert.Single(b.Venus.Calls[1].Breaks).Names);
    }

    [Fact]
    public async Task The_writer_waits_for_the_acknowledgement_and_others_read_meanwhile()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient b, TestClient c) = (await cell.ConnectAsync(), await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        await b.StatusAsync(f);
        var acknowledge = new TaskCompletionSource();
        b.Venus.Acknowledge = acknowledge.Task;
        Task store = a.StoreAsync(f, [1], 1).AsTask();
        await Eventually.BecomesTrueAsync(() => b.Venus.Calls.Count == 1);
        Assert.Equal([1], (await c.FetchAsync(f)).Value.Content!);
        await TestCell.StaysPendingAsync(store);
        acknowledge.SetResult();
        await store;
    }

    [Fact]
    public async Task A_later_change_waits_for_the_break_that_is_still_under_way()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient b, TestClient c) = (await cell.ConnectAsync(), await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        await b.StatusAsync(f);
        var acknowledge = new TaskCompletionSource();
        b.Venus.Acknowledge = acknowledge.Task;
        Task first = a.StoreAsync(f, [1], 1).AsTask();
        await Eventually.BecomesTrueAsync(() => b.Venus.Calls.Count == 1);
        Task second = c.StoreAsync(f, [2], 2).AsTask();
        await TestCell.StaysPendingAsync(second);
        acknowledge.SetResult();
        await Task.WhenAll(first, second);
        Assert.Equal(2, b.Venus.BrokenFids.Count);
    }

    [Fact]
    public async Task Breaks_that_come_during_a_call_go_together_in_the_next()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient b) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid root = await a.RootAsync();
        Fid[] files = await Task.WhenAll(Enumerable.Range(0, 50).Select(i => a.MakeAsync(root, $"f{i}")));
        foreach (Fid f in files)
            await b.StatusAsync(f);
        var acknowledge = new TaskCompletionSource();
        b.Venus.Acknowledge = acknowledge.Task;
        Task first = a.StoreAsync(files[0], [1], 1).AsTask();
        await Eventually.BecomesTrueAsync(() => b.Venus.Calls.Count == 1);
        Task[] others = [.. files.Skip(1).Select(f => a.StoreAsync(f, [1], 1).AsTask())];
        await Eventually.BecomesTrueAsync(() => cell.Server.Committer.Committed >= 102);
        await Task.Delay(50);
        acknowledge.SetResult();
        await Task.WhenAll(others.Append(first));
        Assert.Equal(2, b.Venus.Calls.Count);
        Assert.Equal(files.Length, b.Venus.BrokenFids.Distinct().Count());
    }

    [Theory, OnEachStore]
    public async Task A_client_that_left_holds_nothing_and_nobody_waits_for_it_also_after_a_restart(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        (TestClient a, TestClient leaving) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        await leaving.StatusAsync(f);
        leaving.Venus.IsBroken = true;

        Assert.True((await leaving.Vice.EndSessionAsync(new EndSessionRequest(), leaving.Next())).IsReply);

        await a.StoreAsync(f, [1], 1);
        Assert.Empty(leaving.Venus.Calls);
        Assert.False(cell.Server.Sessions.Attached(leaving.Session, leaving.Id, leaving.Venus));
        Assert.Equal(OutcomeKind.NotExecuted, (await leaving.FetchAsync(f)).Kind);
        cell.Restart();
        a.Reconnect();
        await a.StoreAsync(f, [2], 2);
    }

    [Fact]
    public async Task A_client_that_leaves_while_it_is_told_keeps_no_writer_waiting()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient leaving) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        await leaving.StatusAsync(f);
        leaving.Venus.IsBroken = true;
        Task store = a.StoreAsync(f, [1], 1).AsTask();
        await TestCell.StaysPendingAsync(store);

        await leaving.Vice.EndSessionAsync(new EndSessionRequest(), leaving.Next());

        await store;
    }

    [Fact]
    public async Task A_dead_client_costs_one_lease_once_and_then_nothing()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient dead) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid root = await a.RootAsync(), f = await a.MakeAsync(root, "f"), g = await a.MakeAsync(root, "g");
        await dead.StatusAsync(f);
        await dead.StatusAsync(g);
        dead.Venus.IsBroken = true;
        ulong before = dead.ResetCount;
        Task store = a.StoreAsync(f, [1], 1).AsTask();
        cell.Time.Advance(cell.ServerWait - TimeSpan.FromMilliseconds(1));
        await TestCell.StaysPendingAsync(store);
        await AdvanceUntilDoneAsync(cell, store, TimeSpan.FromMilliseconds(1), most: TimeSpan.FromMilliseconds(2));

        Assert.True(dead.ResetCount > before);
        await a.StoreAsync(g, [1], 1);
        await a.StoreAsync(f, [2], 2);
    }

    [Fact]
    public async Task One_slow_client_does_not_delay_the_breaks_of_others()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient slow, TestClient quick) = (await cell.ConnectAsync(), await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid f = await a.MakeAsync(await a.RootAsync(), "f"), g = await a.MakeAsync(await a.RootAsync(), "g");
        var acknowledge = new TaskCompletionSource();
        slow.Venus.Acknowledge = acknowledge.Task;
        await slow.StatusAsync(f);
        await quick.StatusAsync(f);
        await quick.StatusAsync(g);
        Task store = a.StoreAsync(f, [1], 1).AsTask();
        await Eventually.BecomesTrueAsync(() => quick.Venus.Calls.Count == 1);
        await a.StoreAsync(g, [1], 1);
        Assert.Equal([f, g], quick.Venus.BrokenFids);
        Assert.False(store.IsCompleted);
        acknowledge.SetResult();
        await store;
    }

    [Fact]
    public async Task A_client_that_talks_but_never_acknowledges_is_reset_and_waited_for_once_more()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient deaf) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        await deaf.StatusAsync(f);
        deaf.Venus.Acknowledge = new TaskCompletionSource().Task;
        ulong before = deaf.ResetCount;
        Task store = a.StoreAsync(f, [1], 1).AsTask();
        await Eventually.BecomesTrueAsync(() => deaf.Venus.Calls.Count == 1);
        // The server begins to wait some time after the call arrived, so this advances until the wait was over.
        for (TimeSpan passed = default; deaf.ResetCount == before && passed < 3 * cell.ServerWait; passed += TimeSpan.FromSeconds(1))
        {
            deaf.Contact();
            cell.Time.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(50);
        }
        Assert.Equal(before + 1, deaf.ResetCount);
        await TestCell.StaysPendingAsync(store);
        deaf.Contact();
        await AdvanceUntilDoneAsync(cell, store, cell.ServerWait, most: 2 * cell.ServerWait, each: deaf.Contact);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Every_change_waits_for_a_client_that_was_reset(bool acknowledgesThat)
    {
        using var cell = new TestCell();
        (TestClient a, TestClient b, TestClient deaf) = (await cell.ConnectAsync(), await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid f = await a.MakeAsync(await a.RootAsync(), "f"), g = await a.MakeAsync(await a.RootAsync(), "g");
        await deaf.StatusAsync(f);
        await deaf.StatusAsync(g);
        var acknowledge = new TaskCompletionSource();
        deaf.Venus.Acknowledge = acknowledge.Task;
        Task first = a.StoreAsync(f, [1], 1).AsTask();
        await Eventually.BecomesTrueAsync(() => deaf.Venus.Calls.Count == 1);
        for (TimeSpan passed = default; deaf.ResetCount == 0 && passed < 3 * cell.ServerWait; passed += TimeSpan.FromSeconds(1))
        {
            deaf.Contact();
            cell.Time.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(50);
        }

        // No reply has told the client of the reset: it may trust g as before.
        Task second = b.StoreAsync(g, [1], 1).AsTask();
        await TestCell.StaysPendingAsync(second);
        await Eventually.BecomesTrueAsync(() => deaf.Venus.Calls.Count == 2);
        Assert.NotEmpty(deaf.Venus.Calls[1].Volumes);
        if (acknowledgesThat)
            acknowledge.SetResult();
        else
            await AdvanceUntilDoneAsync(cell, second, cell.ServerWait, most: 2 * cell.ServerWait, each: deaf.Contact);
        await Task.WhenAll(first, second);
        await a.StoreAsync(g, [2], 2);
    }

    [Fact]
    public async Task A_break_is_made_again_over_the_next_connection()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient b) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        await b.StatusAsync(f);
        b.Detach();
        Task store = a.StoreAsync(f, [1], 1).AsTask();
        await TestCell.StaysPendingAsync(store);
        b.Reconnect();
        await store;
        Assert.Equal([f], b.Venus.BrokenFids);
        Assert.Equal(0ul, b.ResetCount);
    }

    [Fact]
    public async Task A_full_table_breaks_the_oldest_promises()
    {
        using var cell = new TestCell(options: new ViceOptions { MostPromises = 300 });
        (TestClient a, TestClient b) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid root = await a.RootAsync();
        Fid[] files = await Task.WhenAll(Enumerable.Range(0, 400).Select(i => a.MakeAsync(root, $"f{i}")));
        a.Venus.Clear();
        foreach (Fid[] some in files.Chunk(100))
            await b.Vice.FetchStatusAsync(new FetchStatusRequest { Fids = some }, b.Next());
        await Eventually.BecomesTrueAsync(() => cell.Server.Promises.Count <= 300);
        Fid[] told = [.. b.Venus.BrokenFids];
        Assert.NotEmpty(told);
        Fid kept = files.Last();
        Assert.DoesNotContain(kept, told);
        b.Venus.Clear();
        await a.StoreAsync(kept, [1], 1);
        Assert.Equal([kept], b.Venus.BrokenFids);
    }

    [Fact]
    public async Task What_is_asked_of_a_volume_that_is_not_there_takes_nobodys_promise()
    {
        using var cell = new TestCell(options: new ViceOptions { MostPromises = 300 });
        (TestClient a, TestClient greedy) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        int before = cell.Server.Promises.Count;
        for (ulong call = 0; call < 4; call++)
        {
            CachedVersion[] entries = [.. Enumerable.Range(0, 200).Select(i => new CachedVersion(new VnodeNumber(1000 * call + (ulong)i), new Uniquifier(1), default))];
            Outcome<ValidateReply> reply = await greedy.Vice.ValidateAsync(new ValidateRequest { Volume = new VolumeId(999), Entries = entries }, greedy.Next());
            Assert.Equal(AbortCodes.NoVolume, reply.Abort);
        }
        Assert.Equal(before, cell.Server.Promises.Count);
        Assert.Empty(a.Venus.Calls);
        await greedy.StoreAsync(f, [1], 1);
        Assert.Equal([f], a.Venus.BrokenFids);
    }

    [Fact]
    public async Task A_promise_given_up_is_not_broken()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient b) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        await b.StatusAsync(f);
        await b.Vice.GiveUpPromisesAsync(new GiveUpPromisesRequest { Fids = [f] }, b.Next());
        await a.StoreAsync(f, [1], 1);
        Assert.Empty(b.Venus.Calls);
    }

    [Fact]
    public async Task A_break_that_can_not_be_sent_holds_up_a_writer_no_longer_than_the_lease()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient b) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        await b.StatusAsync(f);
        b.Venus.Failure = new InvalidOperationException("on purpose");
        Task<Outcome<StoreDataReply>> store = a.StoreAsync(f, [1], 1).AsTask();
        await TestCell.StaysPendingAsync(store);
        await AdvanceUntilDoneAsync(cell, store, cell.ServerWait / 10, most: 2 * cell.ServerWait);
        Assert.True((await store).IsReply);
    }

    [Theory, OnEachStore]
    public async Task After_a_restart_changes_wait_for_clients_of_the_life_before(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        (TestClient a, TestClient b, TestClient silent) = (await cell.ConnectAsync(), await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid root = await a.RootAsync(), f = await a.MakeAsync(root, "f");
        await b.RootAsync();
        await silent.RootAsync();
        cell.Restart();
        a.Reconnect();
        Task<Outcome<StoreDataReply>> store = a.StoreAsync(f, [1], 1).AsTask();
        b.Reconnect();
        await Eventually.BecomesTrueAsync(() => b.Venus.Calls.Count == 1);
        Assert.Equal([root.Volume], b.Venus.Calls[0].Volumes);
        await TestCell.StaysPendingAsync(store);
        a.Contact();
        b.Contact();
        await AdvanceUntilDoneAsync(cell, store, cell.ServerWait, most: cell.ServerWait);
        Assert.True((await store).IsReply);

        // The silent one is known to have lapsed: the next life doesn't wait for it.
        await Eventually.BecomesTrueAsync(() => Lapsed(cell, silent));
        cell.Restart();
        a.Reconnect();
        b.Reconnect();
        await a.StoreAsync(f, [2], 2);
    }

    [Fact]
    public async Task A_lapsed_client_that_comes_back_is_promised_again_and_told_again()
    {
        using var cell = new TestCell(StoreKind.Sqlite);
        (TestClient a, TestClient b) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        await b.StatusAsync(f);
        cell.Time.Advance(cell.ServerWait);
        a.Contact();
        await cell.Server.SweepAsync();
        await Eventually.BecomesTrueAsync(() => Lapsed(cell, b));
        Assert.Equal(1ul, b.ResetCount);
        await a.StoreAsync(f, [1], 1);
        Assert.Empty(b.Venus.Calls);

        b.Contact();
        await b.StatusAsync(f);
        Assert.False(Lapsed(cell, b));
        await a.StoreAsync(f, [2], 2);
        Assert.Equal([f], b.Venus.BrokenFids);
    }

    private static bool Lapsed(TestCell cell, TestClient client)
    {
        using var view = cell.Metadata.OpenView();
        return view.FindSession(client.Session)!.HasLapsed;
    }

    /// <summary>Moves the clock step by step until the task is done; fails if it takes longer than it may.</summary>
    private static async Task AdvanceUntilDoneAsync(TestCell cell, Task task, TimeSpan step, TimeSpan most, Action? each = null)
    {
        TimeSpan passed = default;
        while (!task.IsCompleted && passed < most)
        {
            each?.Invoke();
            cell.Time.Advance(step);
            passed += step;
            await Task.WhenAny(task, Task.Delay(300));
        }
        Assert.True(task.IsCompleted);
    }
}
