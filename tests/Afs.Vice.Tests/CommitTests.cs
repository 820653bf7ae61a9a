using Afs.Rpc;
using Afs.Rules;
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

    [Theory, OnEachStore]
    public async Task A_corrupt_mutation_in_a_batch_fails_alone(StoreKind kind)
    {
        var log = new RecordingLogger();
        using var cell = new TestCell(kind, log: log);
        TestClient a = await cell.ConnectAsync(), b = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        Assert.Equal(root, await b.RootAsync());
        Fid lost = await a.MakeAsync(root, "lost");
        using (IMetadataTransaction transaction = cell.Metadata.BeginTransaction())
        {
            transaction.DeleteVnode(lost.Volume, lost.Vnode);
            transaction.Commit();
        }
        (long commits, long work) = (cell.Server.Committer.Commits, cell.Server.Committer.Committed);
        using HeldWriter held = await HeldWriter.HoldAsync(cell, a, root);
        Task<Outcome<CreateReply>>[] before = [.. Enumerable.Range(0, 20).Select(i => b.CreateAsync(root, $"before{i}").AsTask())];
        Task<Outcome<RemoveReply>> corrupt = a.RemoveAsync(root, "lost").AsTask();
        Task<Outcome<CreateReply>>[] after = [.. Enumerable.Range(0, 20).Select(i => b.CreateAsync(root, $"behind{i}").AsTask())];
        held.Release();
        await held.First;

        Assert.Equal(AbortCodes.ServerDiskFailed, (await corrupt).Abort);
        Assert.All(await Task.WhenAll([.. before, .. after]), static outcome => Assert.True(outcome.IsReply));
        Assert.Equal((2, 41), (cell.Server.Committer.Commits - commits, cell.Server.Committer.Committed - work));
        Assert.Contains(log.Lines, static line => line.Contains("A change failed"));
        cell.Restart();
        b.Attach();
        string[] names = await b.NamesAsync(root);
        Assert.Equal(42, names.Length);
        Assert.Equal(new DataVersion(43), (await b.StatusAsync(root))!.DataVersion);
    }

    [Theory, OnEachStore]
    public async Task A_mutation_that_throws_takes_back_what_it_wrote_and_nothing_else(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        using HeldWriter held = await HeldWriter.HoldAsync(cell, a, root);
        Task<Fid> before = a.MakeAsync(root, "before");
        cell.Hooks.OnCall = static (_, method, arguments) =>
        {
            if (method == nameof(IMetadataTransaction.PutEntry) && ((EntryRecord)arguments[1]!).Name.AsSpan().SequenceEqual("breaking"u8))
                throw new InvalidOperationException("planned");
        };
        Task<Fid> breaking = a.MakeAsync(root, "breaking");
        Task<Fid> after = a.MakeAsync(root, "behind");
        held.Release();
        await held.First;

        Fid first = await before, second = await after;
        Assert.Equal("planned", (await Assert.ThrowsAsync<InvalidOperationException>(() => breaking)).Message);
        Assert.Equal(first.Vnode.Value + 1, second.Vnode.Value);
        Assert.Equal(["before", "behind", "first"], await a.NamesAsync(root));
        Assert.Equal(new DataVersion(4), (await a.StatusAsync(root))!.DataVersion);
        Assert.Equal(4ul, (await a.Vice.GetVolumeStatusAsync(new GetVolumeStatusRequest { Volume = root.Volume }, a.Next())).Value.Vnodes);
    }

    [Theory, OnEachStore]
    public async Task Where_a_batch_has_no_room_only_the_one_that_is_too_large_is_refused(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync(), f = await a.MakeAsync(root, "f");
        cell.Hooks.OnCall = (transaction, method, _) =>
        {
            if (method == nameof(IMetadataTransaction.Commit) && transaction.FindContent(f.Volume, f.Vnode) is not null)
                throw new StorageException(StorageFailure.NoSpace, "planned");
        };
        using HeldWriter held = await HeldWriter.HoldAsync(cell, a, root);
        Task<Fid>[] others = [.. Enumerable.Range(0, 7).Select(i => a.MakeAsync(root, $"a{i}"))];
        Task<Outcome<StoreDataReply>> large = a.StoreAsync(f, [1, 2, 3], 1).AsTask();
        Task<Fid>[] more = [.. Enumerable.Range(0, 7).Select(i => a.MakeAsync(root, $"b{i}"))];
        held.Release();
        await held.First;
        Assert.Equal(AbortCodes.NoSpace, (await large).Abort);
        await Task.WhenAll([.. others, .. more]);
        Assert.Equal(16, (await a.NamesAsync(root)).Length);
        Assert.Equal(0, (await a.StatusAsync(f))!.LengthBytes);
    }

    [Fact]
    public async Task A_sweep_whose_commit_is_in_doubt_ends_and_so_does_whatever_waits()
    {
        var log = new RecordingLogger();
        using var cell = new TestCell(log: log);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        cell.Memory.BeforeCommit = () => throw new StorageException(StorageFailure.Failed, "planned");
        cell.Time.Advance(new Service.ViceOptions().SessionPatience);
        await Assert.ThrowsAsync<CallUnansweredException>(() => cell.Server.SweepAsync());
        await Eventually.BecomesTrueAsync(() => log.Lines.Any(static line => line.Contains("The writer failed")));
        await Assert.ThrowsAsync<CallUnansweredException>(async () => await a.CreateAsync(root, "f"));
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
        await Assert.ThrowsAsync<CallUnansweredException>(() => create);

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

    /// <summary>The writer is in the middle of making a file "first", and whatever comes waits for its next batch.</summary>
    private sealed class HeldWriter : IDisposable
    {
        private readonly ManualResetEventSlim _gate = new();

        public Task<Fid> First { get; private set; } = null!;

        public static async Task<HeldWriter> HoldAsync(TestCell cell, TestClient client, Fid folder)
        {
            var held = new HeldWriter();
            var began = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            cell.Hooks.BeforeTransaction = () =>
            {
                began.TrySetResult();
                held._gate.Wait();
            };
            held.First = client.MakeAsync(folder, "first");
            await began.Task;
            return held;
        }

        public void Release() => _gate.Set();

        public void Dispose()
        {
            _gate.Set();
            _gate.Dispose();
        }
    }
}
