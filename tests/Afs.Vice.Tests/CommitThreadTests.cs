using Afs.Rpc;
using Afs.Vice.Tests.Harness;
using Afs.Wire;

namespace Afs.Vice.Tests;

/// <summary>The writer's thread, where callers may commit themselves, as in the daemon.</summary>
public class CommitThreadTests
{
    private const int MostTries = 50;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task A_lone_caller_commits_his_own_work_on_his_own_thread()
    {
        using var cell = new TestCell(callersCommit: true);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        int? committedOn = null;
        cell.Memory.BeforeCommit = () => committedOn = Environment.CurrentManagedThreadId;
        for (int i = 0; i < MostTries; i++)
        {
            // The writer may still be finishing the commit before.
            await Task.Delay(10, TestContext.Current.CancellationToken);
            int caller = Environment.CurrentManagedThreadId;
            Task<Fid> made = a.MakeAsync(root, $"f{i}");
            if (committedOn == caller)
                return;
            await made.WaitAsync(Patience, TestContext.Current.CancellationToken);
        }
        Assert.Fail("Every commit was made by another thread.");
    }

    [Fact]
    public async Task What_comes_while_a_caller_commits_is_committed_together_and_without_him()
    {
        using var cell = new TestCell(callersCommit: true);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        long before = cell.Server.Committer.Commits;
        using var gate = new ManualResetEventSlim();
        Task first = await BeginCommitAsync(cell, a, root, gate);
        Task[] others = [.. Enumerable.Range(0, 100).Select(i => a.MakeAsync(root, $"f{i}"))];
        Assert.True(cell.Server.Committer.HasWork);
        gate.Set();
        await Task.WhenAll([first, .. others]).WaitAsync(Patience, TestContext.Current.CancellationToken);
        Assert.Equal(2, cell.Server.Committer.Commits - before);
        Assert.Equal(101, (await a.NamesAsync(root)).Length);
    }

    [Fact]
    public async Task The_end_waits_for_a_caller_who_commits_and_commits_what_waits()
    {
        using var cell = new TestCell(callersCommit: true);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        using var gate = new ManualResetEventSlim();
        Task first = await BeginCommitAsync(cell, a, root, gate);
        Task[] others = [.. Enumerable.Range(0, 5).Select(i => a.MakeAsync(root, $"f{i}"))];
        Task restart = Task.Run(() => cell.Restart(), TestContext.Current.CancellationToken);
        await TestCell.StaysPendingAsync(restart);
        gate.Set();
        await Task.WhenAll([restart, first, .. others]).WaitAsync(Patience, TestContext.Current.CancellationToken);
        a.Attach();
        Assert.Equal(6, (await a.NamesAsync(root)).Length);
    }

    [Theory, OnEachStore]
    public async Task Of_many_callers_none_is_forgotten(StoreKind kind)
    {
        using var cell = new TestCell(kind, callersCommit: true);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        Task[] callers = [.. Enumerable.Range(0, 16).Select(caller => Task.Run(async () =>
        {
            for (int i = 0; i < 100; i++)
                await a.MakeAsync(root, $"{caller}-{i}");
        }))];
        await Task.WhenAll(callers).WaitAsync(Patience, TestContext.Current.CancellationToken);
        Assert.Equal(1600, (await a.NamesAsync(root)).Length);
    }

    [Fact]
    public async Task A_broken_invariant_ends_the_writer_whoever_commits()
    {
        var log = new RecordingLogger();
        using var cell = new TestCell(log: log, callersCommit: true);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        cell.Memory.BeforeCommit = static () => throw new InvalidOperationException("planned");
        Task broken = a.MakeAsync(root, "f");
        await Eventually.BecomesTrueAsync(() => log.Lines.Any(static line => line.Contains("The writer failed")));
        cell.Memory.BeforeCommit = null;
        Task after = a.MakeAsync(root, "g");
        await Assert.ThrowsAsync<CallUnansweredException>(() => broken);
        await Assert.ThrowsAsync<CallUnansweredException>(() => after);
    }

    /// <summary>A caller makes a file and is in the middle of its commit, which waits for the gate, as all later ones do.</summary>
    /// <returns>What the caller does.</returns>
    private static async Task<Task> BeginCommitAsync(TestCell cell, TestClient client, Fid folder, ManualResetEventSlim gate)
    {
        var began = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        cell.Memory.BeforeCommit = () =>
        {
            began.TrySetResult();
            gate.Wait();
        };
        Task first = Task.Run(() => client.MakeAsync(folder, "first"), TestContext.Current.CancellationToken);
        await began.Task.WaitAsync(Patience, TestContext.Current.CancellationToken);
        return first;
    }
}
