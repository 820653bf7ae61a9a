using Afs.Rpc;
using Afs.Vice.Tests.Harness;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Vice.Tests;

public class CommitTests
{
    [Theory, OnEachStore]
    public async Task Many_at_once_share_commits_and_all_are_there(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        (long commits, long work) = (cell.Server.Committer.Commits, cell.Server.Committer.Committed);
        using var gate = new ManualResetEventSlim();
        cell.Memory.BeforeCommit = gate.Wait;
        Task all = Task.WhenAll(Enumerable.Range(0, 2000).Select(i => a.MakeAsync(root, $"f{i}")));
        gate.Set();
        await all;
        Assert.Equal(2000, cell.Server.Committer.Committed - work);
        if (kind == StoreKind.Memory)
            Assert.InRange(cell.Server.Committer.Commits - commits, 4, 6);
        cell.Restart();
        a.Attach();
        Assert.Equal(2000, (await a.NamesAsync(root)).Length);
        Assert.Equal(new DataVersion(2001), (await a.StatusAsync(root))!.DataVersion);
    }

    [Fact]
    public async Task A_commit_of_unknown_outcome_answers_nobody_and_ends_the_writer()
    {
        var log = new RecordingLogger();
        using var cell = new TestCell(log: log);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        CallContext call = a.Next();
        CreateRequest request = a.CreateRequest(root, "f");
        cell.Memory.BeforeCommit = () => throw new StorageException(StorageFailure.Failed, "planned");
        Task<Outcome<CreateReply>> create = a.Vice.CreateAsync(request, call).AsTask();
        await Eventually.BecomesTrueAsync(() => log.Lines.Any(line => line.Contains("The writer failed")));
        await TestCell.StaysPendingAsync(create);

        cell.Memory.BeforeCommit = null;
        cell.Restart();
        a.Attach();
        Assert.True((await a.Vice.CreateAsync(request, call)).IsReply);
        Assert.Equal(["f"], await a.NamesAsync(root));
    }

    [Theory, OnEachStore]
    public async Task Views_keep_their_moment_while_others_write(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        await a.MakeAsync(root, "before");
        using IMetadataView view = cell.Metadata.OpenView();
        Assert.Single(view.ReadEntries(root.Volume, root.Vnode, null, 10));
        await a.MakeAsync(root, "after");
        Assert.Single(view.ReadEntries(root.Volume, root.Vnode, null, 10));
        Assert.Equal(new DataVersion(2), view.FindVnode(root.Volume, root.Vnode)!.DataVersion);
        using IMetadataView later = cell.Metadata.OpenView();
        Assert.Equal(2, later.ReadEntries(root.Volume, root.Vnode, null, 10).Count);
    }

    [Theory, OnEachStore]
    public async Task What_is_not_committed_never_was(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync(), f = await a.MakeAsync(root, "f");
        using (IMetadataTransaction transaction = cell.Metadata.BeginTransaction())
        {
            transaction.DeleteVnode(f.Volume, f.Vnode);
            transaction.DeleteEntry(root.Volume, root.Vnode, "f"u8.ToArray());
            Assert.Null(transaction.FindVnode(f.Volume, f.Vnode));
            Assert.Throws<InvalidOperationException>(cell.Metadata.BeginTransaction);
        }
        Assert.NotNull(await a.StatusAsync(f));
        Assert.Equal(["f"], await a.NamesAsync(root));
    }
}
