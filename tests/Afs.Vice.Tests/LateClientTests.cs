using Afs.Rpc;
using Afs.Vice.Tests.Harness;
using Afs.Wire;

namespace Afs.Vice.Tests;

/// <summary>A client that talks, and doesn't acknowledge in time: others wait for it once.</summary>
public class LateClientTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Who_was_late_is_promised_nothing_and_nobody_waits_for_it_again(bool acknowledgesAtLast)
    {
        using var cell = new TestCell();
        (TestClient a, TestClient late) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid root = await a.RootAsync(), f = await a.MakeAsync(root, "f"), g = await a.MakeAsync(root, "g");
        await late.StatusAsync(f);
        await late.StatusAsync(g);
        var acknowledge = new TaskCompletionSource();
        await KeepWaitingAsync(cell, a, late, f, acknowledge);
        if (acknowledgesAtLast)
            acknowledge.SetResult();
        Assert.True(late.Trust.IsWithoutPromises);

        late.Venus.Acknowledge = new TaskCompletionSource().Task;
        late.Venus.Clear();
        for (byte i = 0; i < 3; i++)
        {
            late.Contact();
            Assert.NotNull(await late.StatusAsync(f));
            Assert.NotNull(await late.StatusAsync(g));
            await late.PageAsync(root, withStatus: true);
            await a.StoreAsync(f, [i], 2);
            await a.StoreAsync(g, [i], 1);
            await a.MakeAsync(root, $"new{i}");
        }
        Assert.Empty(late.Venus.BrokenFids);
    }

    /// <summary>Its reply tells nobody, so a break does: what it asked since was answered from before the change.</summary>
    [Fact]
    public async Task Who_gave_a_change_up_is_told_of_it_when_it_happens_after_all()
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        await a.MakeAsync(root, "f");
        using var mayBegin = new ManualResetEventSlim();
        using var hasBegun = new ManualResetEventSlim();
        cell.Hooks.BeforeTransaction = () =>
        {
            hasBegun.Set();
            mayBegin.Wait();
        };
        Task<Outcome<RemoveReply>> remove = a.RemoveAsync(root, "f").AsTask();
        hasBegun.Wait();
        CallContext next = a.Next();
        cell.Server.Replies.Forget(a.Session, new CallSequence(next.Id.Sequence.Value - 1));
        Assert.Equal(["f"], await a.NamesAsync(root));
        Assert.Empty(a.Venus.BrokenFids);

        cell.Hooks.BeforeTransaction = null;
        mayBegin.Set();
        await remove;
        Assert.Contains(root, a.Venus.BrokenFids);
        Assert.Empty(await a.NamesAsync(root));
    }

    [Fact]
    public async Task An_acknowledgement_that_comes_late_counts_as_late()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient late) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        await late.StatusAsync(f);
        var acknowledge = new TaskCompletionSource();
        late.Venus.Acknowledge = acknowledge.Task;
        Task store = a.StoreAsync(f, [1], 1).AsTask();
        await Eventually.BecomesTrueAsync(() => late.Venus.Calls.Count == 1);
        // Nothing of it is heard meanwhile; the lease runs still.
        await Task.Delay(50);
        cell.Time.Advance(cell.Terms.Patience);
        await TestCell.StaysPendingAsync(store);
        acknowledge.SetResult();
        await store;
        await Eventually.BecomesTrueAsync(() => late.Trust.IsWithoutPromises);
        // It let go of everything, as it was told to: nobody waits.
        await a.StoreAsync(f, [2], 2);
    }

    [Fact]
    public async Task Who_acknowledges_in_time_for_a_lease_is_promised_again()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient late) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        await BeLateAsync(cell, a, late, f);
        ulong resets = late.ResetCount;
        Assert.InRange(await PassUntilPromisedAsync(cell, late), cell.Terms.Lease, 2 * cell.Terms.Lease);

        // The count tells replies from before from those that promise again.
        Assert.Equal(resets + 1, late.ResetCount);
        await late.StatusAsync(f);
        late.Venus.Clear();
        await a.StoreAsync(f, [2], 2);
        Assert.Equal([f], late.Venus.BrokenFids);
    }

    [Fact]
    public async Task Who_answers_its_trial_late_stays_without_promises()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient late) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        await BeLateAsync(cell, a, late, f);
        late.Venus.Acknowledge = new TaskCompletionSource().Task;
        late.Venus.Clear();
        for (TimeSpan passed = default; passed < 5 * cell.Terms.Lease; passed += cell.Terms.Lease / 4)
            await PassAsync(cell, late, cell.Terms.Lease / 4);
        Assert.NotEmpty(late.Venus.Calls);
        Assert.True(late.Trust.IsWithoutPromises);
        await a.StoreAsync(f, [2], 2);
    }

    [Fact]
    public async Task Who_is_late_again_has_a_long_trial()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient late) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        await BeLateAsync(cell, a, late, f);
        await PassUntilPromisedAsync(cell, late);
        await late.StatusAsync(f);
        await BeLateAsync(cell, a, late, f, 2);
        for (TimeSpan passed = default; passed < 20 * cell.Terms.Lease; passed += cell.Terms.Lease)
            await PassAsync(cell, late, cell.Terms.Lease);
        Assert.True(late.Trust.IsWithoutPromises);
    }

    [Fact]
    public async Task A_new_session_of_a_client_that_was_late_is_on_trial_too()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient late) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        await BeLateAsync(cell, a, late, f);
        await late.NewSessionAsync();
        late.Attach();
        Assert.NotNull(await late.StatusAsync(f));
        Assert.True(late.Trust.IsWithoutPromises);
        await PassUntilPromisedAsync(cell, late);
    }

    [Fact]
    public async Task Who_went_silent_while_others_waited_is_on_trial_when_it_is_back()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient silent) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        await silent.StatusAsync(f);
        silent.Detach();
        Task store = a.StoreAsync(f, [1], 1).AsTask();
        await AdvanceUntilAsync(cell, () => store.IsCompleted, a.Contact);
        silent.Reconnect();
        Assert.NotNull(await silent.StatusAsync(f));
        Assert.True(silent.Trust.IsWithoutPromises);
        await a.StoreAsync(f, [2], 2);
        await PassUntilPromisedAsync(cell, silent);
    }

    [Fact]
    public async Task Who_goes_silent_again_and_again_is_promised_soon_after_each_time()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient silent) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        for (ulong version = 1; version <= 3; version++)
        {
            await silent.StatusAsync(f);
            silent.Detach();
            Task store = a.StoreAsync(f, [(byte)version], version).AsTask();
            await AdvanceUntilAsync(cell, () => store.IsCompleted, a.Contact);
            silent.Reconnect();
            Assert.NotNull(await silent.StatusAsync(f));
            Assert.True(silent.Trust.IsWithoutPromises);
            await PassUntilPromisedAsync(cell, silent);
        }
    }

    [Fact]
    public async Task Each_time_is_logged_once_with_who()
    {
        var log = new RecordingLogger();
        using var cell = new TestCell(log: log);
        (TestClient a, TestClient late) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid root = await a.RootAsync();
        Fid[] files = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => a.MakeAsync(root, $"f{i}")));
        foreach (Fid file in files)
            await late.StatusAsync(file);
        late.Venus.Acknowledge = new TaskCompletionSource().Task;
        Task[] stores = [.. files.Select(file => a.StoreAsync(file, [1], 1).AsTask())];
        await Eventually.BecomesTrueAsync(() => late.Venus.Calls.Count >= 1);
        await AdvanceUntilAsync(cell, () => Task.WhenAll(stores).IsCompleted, late.Contact);
        string line = Assert.Single(log.Lines, static line => line.Contains("without promises"));
        Assert.Contains(late.Id.ToString(), line);
    }

    /// <summary>Others wait for it, all of them, until it can't trust anything any more.</summary>
    private static async Task KeepWaitingAsync(TestCell cell, TestClient writer, TestClient late, Fid fid, TaskCompletionSource acknowledge, ulong @base = 1)
    {
        late.Venus.Clear();
        late.Venus.Acknowledge = acknowledge.Task;
        Task store = writer.StoreAsync(fid, [1], @base).AsTask();
        await Eventually.BecomesTrueAsync(() => late.Venus.Calls.Count == 1);
        TimeSpan waited = await AdvanceUntilAsync(cell, () => store.IsCompleted, late.Contact);
        Assert.InRange(waited, cell.Terms.Patience, cell.Terms.Patience + cell.Terms.ServerWait + TimeSpan.FromSeconds(2));
    }

    /// <summary>It is late, and then as quick as ever.</summary>
    private static async Task BeLateAsync(TestCell cell, TestClient writer, TestClient late, Fid fid, ulong @base = 1)
    {
        await late.StatusAsync(fid);
        await KeepWaitingAsync(cell, writer, late, fid, new TaskCompletionSource(), @base);
        late.Venus.Acknowledge = Task.CompletedTask;
        Assert.True(late.Trust.IsWithoutPromises);
    }

    private static async Task<TimeSpan> PassUntilPromisedAsync(TestCell cell, TestClient client) =>
        await AdvanceUntilAsync(cell, () => !client.Trust.IsWithoutPromises, client.Contact);

    private static async Task PassAsync(TestCell cell, TestClient client, TimeSpan by)
    {
        client.Contact();
        cell.Time.Advance(by);
        await Task.Delay(20);
    }

    private static async Task<TimeSpan> AdvanceUntilAsync(TestCell cell, Func<bool> isTrue, Action each)
    {
        TimeSpan passed = default;
        while (!isTrue())
        {
            Assert.True(passed < TimeSpan.FromMinutes(2));
            each();
            cell.Time.Advance(TimeSpan.FromSeconds(0.5));
            passed += TimeSpan.FromSeconds(0.5);
            await Task.Delay(20);
        }
        return passed;
    }
}
