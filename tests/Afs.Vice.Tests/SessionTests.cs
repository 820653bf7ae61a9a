using Afs.Rpc;
using Afs.Vice.Tests.Harness;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Vice.Tests;

/// <summary>A Hello says that somebody wanted a session, some time ago. Only a call says that he uses it.</summary>
public class SessionTests
{
    [Theory, OnEachStore]
    public async Task A_late_hello_ends_no_session_that_is_used(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        (TestClient a, TestClient b) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        await a.StatusAsync(f);
        for (int i = 0; i < 3; i++)
            await cell.Server.Replies.CreateSessionAsync(a.Id, CancellationToken.None);
        Assert.True((await a.FetchAsync(f)).IsReply);
        await b.StoreAsync(f, [1], 1);
        Assert.Contains(f, a.Venus.BrokenFids);
        GetServerStatusReply status = (await a.Vice.GetServerStatusAsync(new GetServerStatusRequest(), a.Next())).Value;
        Assert.Equal(3, status.Figures.Single(static figure => figure.Name == "sessions").Value);
        cell.Server.CheckInvariants();
    }

    [Theory, OnEachStore]
    public async Task The_first_call_of_a_later_session_ends_the_earlier_one(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        CallContext late = a.Next();
        await a.NewSessionAsync();
        a.Attach();
        Assert.Equal(root, await a.RootAsync());
        Assert.Equal(OutcomeKind.NotExecuted, (await a.Vice.CreateAsync(a.CreateRequest(root, "late"), late)).Kind);
        Assert.Empty(await a.NamesAsync(root));
        cell.Server.CheckInvariants();
    }

    [Theory, OnEachStore]
    public async Task After_a_restart_nobody_waits_for_a_session_that_was_never_used(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        await cell.Server.Replies.CreateSessionAsync(new ClientId(9, 9), CancellationToken.None);
        cell.Restart();
        a.Attach();
        Assert.True((await a.CreateAsync(root, "f")).IsReply);
        cell.Server.CheckInvariants();
    }

    [Fact]
    public async Task Sessions_that_expire_together_end_in_a_few_commits()
    {
        const int Many = 12_000;
        using var cell = new TestCell();
        for (ulong i = 0; i < Many; i++)
            await cell.Server.Replies.CreateSessionAsync(new ClientId(5, i), CancellationToken.None);
        long before = cell.Server.Committer.Commits;
        cell.Time.Advance(new Service.ViceOptions().SessionPatience);
        await cell.Server.SweepAsync();
        Assert.InRange(cell.Server.Committer.Commits - before, 1, 60);
        using IMetadataView view = cell.Metadata.OpenView();
        Assert.Empty(view.ReadSessions());
        cell.Server.CheckInvariants();
    }

    /// <summary>It is promised nothing, so nothing need be recorded: it reads, sees what others change, and is promised again once it could be recorded.</summary>
    [Fact]
    public async Task On_a_full_disk_a_client_whose_lease_ended_comes_back_without_promises()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient b) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid root = await a.RootAsync(), f = await a.MakeAsync(root, "f");
        await a.StoreAsync(f, [1], 1);
        await b.StatusAsync(f);
        cell.Time.Advance(cell.ServerWait);
        await cell.Server.SweepAsync();
        await Eventually.BecomesTrueAsync(() => AllAreRecordedAsLapsed(cell));
        ulong resets = b.ResetCount;

        cell.Memory.BeforeCommit = static () => throw new StorageException(StorageFailure.NoSpace, "planned");
        b.Contact();
        Assert.Equal(2ul, (await b.StatusAsync(f))!.DataVersion.Value);
        Assert.Equal([1], (await b.FetchAsync(f)).Value.Content);
        Assert.True(b.Trust.IsWithoutPromises);
        Assert.True(b.ResetCount > resets);
        await cell.Server.SweepAsync();
        Assert.True(b.Trust.IsWithoutPromises);
        Assert.True(AllAreRecordedAsLapsed(cell));
        cell.Server.CheckInvariants();

        cell.Memory.BeforeCommit = null;
        b.Contact();
        await cell.Server.SweepAsync();
        Assert.False(AllAreRecordedAsLapsed(cell));
        for (int i = 0; i < 10 && b.Trust.IsWithoutPromises; i++)
        {
            cell.Time.Advance(cell.Terms.Lease / 2);
            b.Contact();
            await Task.Delay(20);
        }
        Assert.False(b.Trust.IsWithoutPromises);
        await b.StatusAsync(f);
        b.Venus.Clear();
        a.Contact();
        await a.StoreAsync(f, [2], 2);
        Assert.Equal([f], b.Venus.BrokenFids);
        cell.Server.CheckInvariants();
    }

    private static bool AllAreRecordedAsLapsed(TestCell cell)
    {
        using IMetadataView view = cell.Metadata.OpenView();
        return view.ReadSessions().All(static session => session.HasLapsed);
    }

    [Theory, OnEachStore]
    public async Task Where_there_are_as_many_as_may_be_only_one_that_trusts_nothing_ends(StoreKind kind)
    {
        using var cell = new TestCell(kind, new Service.ViceOptions { MostSessions = 2 });
        (TestClient a, TestClient b) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid root = await a.RootAsync(), f = await a.MakeAsync(root, "f");
        await b.StatusAsync(f);
        b.Detach();
        Assert.Null(await cell.Server.Replies.CreateSessionAsync(new ClientId(9, 9), CancellationToken.None));
        Task<Outcome<StoreDataReply>> store = a.StoreAsync(f, [1], 1).AsTask();
        await TestCell.StaysPendingAsync(store); // b's lease is waited for.
        cell.Time.Advance(cell.ServerWait);
        Assert.True((await store).IsReply);
        a.Contact();
        await cell.Server.SweepAsync();
        SessionId? made = null;
        await Eventually.BecomesTrueAsync(() => (made = cell.Server.Replies.CreateSessionAsync(new ClientId(9, 9), CancellationToken.None).AsTask().Result) is not null);
        Assert.False(cell.Server.Replies.TryGetSession(b.Session, out _, out _));
        Assert.True(cell.Server.Replies.TryGetSession(a.Session, out _, out _));
        cell.Server.CheckInvariants();
    }

    [Theory, OnEachStore]
    public async Task Objects_without_a_name_go_with_their_session_some_at_a_time_also_after_a_restart(StoreKind kind)
    {
        const int Many = 600;
        using var cell = new TestCell(kind);
        (TestClient a, TestClient b) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid root = await a.RootAsync();
        for (int i = 0; i < Many; i++)
            await a.MakeAsync(root, null);
        Fid kept = await a.MakeAsync(root, null), others = await b.MakeAsync(await b.RootAsync(), null);
        Assert.True((await a.LinkAsync(kept, root, "kept")).IsReply);
        Assert.True((await a.Vice.EndSessionAsync(new EndSessionRequest(), a.Next())).IsReply);
        cell.Restart();
        b.Attach();
        long before = cell.Server.Committer.Commits;
        await cell.Server.SweepAsync();
        Assert.InRange(cell.Server.Committer.Commits - before, 3, 5);
        using IMetadataView view = cell.Metadata.OpenView();
        Assert.Equal([others], view.ReadUnnamed().Select(static unnamed => unnamed.Fid));
        Assert.NotNull(await b.StatusAsync(kept));
        Assert.Equal(3, view.ReadVnodes(root.Volume, default, 1000).Count);
    }
}
