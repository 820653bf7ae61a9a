using Afs.Rpc;
using Afs.Vice.Tests.Harness;
using Afs.Wire;

namespace Afs.Vice.Tests;

public class AtMostOnceTests
{
    [Theory, OnEachStore]
    public async Task A_repeated_call_gets_its_first_reply_also_after_a_restart(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        CallContext call = a.Next();
        CreateRequest request = a.CreateRequest(root, "f");
        CreateReply first = (await a.Vice.CreateAsync(request, call)).Value;
        await a.RemoveAsync(root, "f");

        Assert.Equal(first, (await a.Vice.CreateAsync(request, call)).Value);
        StoredReply stored = cell.Server.Replies.Find(call.Id)!.Value;
        Assert.Equal(first, WireCodec.FromBytes<CreateReply>(stored.Body.Span));
        cell.Restart();
        a.Attach();
        Assert.Equal(first, (await a.Vice.CreateAsync(request, call)).Value);
        Assert.Empty(await a.NamesAsync(root));
    }

    [Theory, OnEachStore]
    public async Task A_refusal_is_repeated_too(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        await a.MakeAsync(root, "f");
        CallContext call = a.Next();
        CreateRequest request = a.CreateRequest(root, "f");
        Assert.Equal(AbortCodes.NameExists, (await a.Vice.CreateAsync(request, call)).Abort);
        await a.RemoveAsync(root, "f");
        cell.Restart();
        a.Attach();
        Assert.Equal(AbortCodes.NameExists, (await a.Vice.CreateAsync(request, call)).Abort);
        Assert.Empty(await a.NamesAsync(root));
    }

    [Fact]
    public async Task A_call_of_an_ended_or_foreign_session_is_not_executed()
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync(), b = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        CallContext old = a.Next();
        await a.NewSessionAsync();
        await a.RootAsync();
        Assert.Equal(OutcomeKind.NotExecuted, (await a.Vice.CreateAsync(a.CreateRequest(root, "f"), old)).Kind);
        CallContext foreign = b.Next() with { Id = new CallId(b.Id, a.Session, new CallSequence(1)) };
        Assert.Equal(OutcomeKind.NotExecuted, (await a.Vice.CreateAsync(a.CreateRequest(root, "f"), foreign)).Kind);
        Assert.Empty(await b.NamesAsync(root));
    }

    [Theory, OnEachStore]
    public async Task Seen_replies_are_deleted_and_their_calls_refused(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        CallContext first = a.Next();
        CreateRequest request = a.CreateRequest(root, "first");
        await a.Vice.CreateAsync(request, first);
        for (int i = 0; i < 40; i++)
            await a.CreateAsync(root, $"f{i}");
        CallContext last = a.Next();
        await a.Vice.CreateAsync(a.CreateRequest(root, "last"), last);
        cell.Server.Replies.Forget(a.Session, new CallSequence(last.Id.Sequence.Value - 1));
        await a.CreateAsync(root, "next");

        Assert.Null(cell.Server.Replies.Find(first.Id));
        Assert.NotNull(cell.Server.Replies.Find(last.Id));
        await a.RemoveAsync(root, "first");
        Assert.Equal(OutcomeKind.NotExecuted, (await a.Vice.CreateAsync(request, first)).Kind);
        cell.Restart();
        Assert.True(cell.Server.Replies.TryGetSession(a.Session, out ClientId client, out CallSequence forgotten));
        Assert.Equal((a.Id, last.Id.Sequence.Value - 1), (client, forgotten.Value));
    }

    [Theory, OnEachStore]
    public async Task Epochs_rise_and_sessions_are_never_given_twice(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        (Epoch epoch, SessionId session) = (cell.Server.Sessions.Epoch, a.Session);
        cell.Restart();
        Assert.True(cell.Server.Sessions.Epoch.Value > epoch.Value);
        await a.NewSessionAsync();
        Assert.True(a.Session.Value > session.Value);
        await a.RootAsync();
        Assert.False(cell.Server.Replies.TryGetSession(session, out _, out _));
    }
}
