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

        Assert.Equal(WireCodec.ToBytes(first), WireCodec.ToBytes((await a.Vice.CreateAsync(request, call)).Value));
        StoredReply stored = (await cell.Server.Replies.FindAsync(call.Id))!.Value;
        Assert.Equal(WireCodec.ToBytes(first), stored.Body.ToArray());
        cell.Restart();
        a.Attach();
        Assert.Equal(WireCodec.ToBytes(first), WireCodec.ToBytes((await a.Vice.CreateAsync(request, call)).Value));
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

    [Theory, OnEachStore]
    public async Task A_retry_that_claims_another_request_ends_its_connection_and_nothing_else_also_after_a_restart(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync(), b = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        CreateRequest create = a.CreateRequest(root, "f");
        RemoveRequest remove = new() { Parent = root, Name = "f"u8.ToArray(), IsDirectory = false, Time = a.Now() };
        CallContext call = a.Next();
        CallContext asCreate = call with { Request = RequestDigest.Of(120, WireCodec.ToBytes(create)) };
        CallContext asRemove = call with { Request = RequestDigest.Of(121, WireCodec.ToBytes(remove)) };
        CreateReply first = (await a.Vice.CreateAsync(create, asCreate)).Value;
        for (int life = 0; life < 2; life++)
        {
            await Assert.ThrowsAsync<MalformedMessageException>(async () => await a.Vice.RemoveAsync(remove, asRemove));
            await b.MakeAsync(root, $"of life {life}");
            Assert.Equal(WireCodec.ToBytes(first), WireCodec.ToBytes((await a.Vice.CreateAsync(create, asCreate)).Value));
            cell.Restart();
            a.Attach();
            b.Attach();
        }
        Assert.Equal(["f", "of life 0", "of life 1"], await b.NamesAsync(root));
    }

    [Theory, OnEachStore]
    public async Task A_reply_that_an_older_program_stored_is_given_to_its_request_and_breaks_nothing_for_another(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync(), b = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        CreateRequest create = a.CreateRequest(root, "f");
        CallContext call = a.Next();
        CreateReply first = (await a.Vice.CreateAsync(create, call)).Value;
        CallContext retry = call with { Request = RequestDigest.Of(120, WireCodec.ToBytes(create)) };
        Assert.Equal(WireCodec.ToBytes(first), WireCodec.ToBytes((await a.Vice.CreateAsync(create, retry)).Value));
        StoreDataRequest other = a.StoreRequest(first.Status.Fid, [1], 1);
        await Assert.ThrowsAsync<MalformedMessageException>(async () => await a.Vice.StoreDataAsync(other, call));
        await b.MakeAsync(root, "g");
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

        Assert.Null(await cell.Server.Replies.FindAsync(first.Id));
        Assert.NotNull(await cell.Server.Replies.FindAsync(last.Id));
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
