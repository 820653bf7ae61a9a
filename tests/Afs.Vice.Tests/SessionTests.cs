using Afs.Rpc;
using Afs.Vice.Tests.Harness;
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
}
