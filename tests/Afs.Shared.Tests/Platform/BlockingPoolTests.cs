using System.Collections.Concurrent;
using Afs.Platform;

namespace Afs.Shared.Tests.Platform;

public sealed class BlockingPoolTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Work_runs_on_named_threads_of_its_own_and_no_more_than_so_many()
    {
        using var pool = new BlockingPool(3, "test disk");
        using var gate = new ManualResetEventSlim();
        var names = new ConcurrentBag<string?>();
        int running = 0, most = 0;
        Task[] works = [.. Enumerable.Range(0, 20).Select(_ => pool.RunAsync(() =>
        {
            names.Add(Thread.CurrentThread.IsThreadPoolThread ? "pool" : Thread.CurrentThread.Name);
            int now = Interlocked.Increment(ref running);
            for (int seen = most; now > seen; seen = most)
                Interlocked.CompareExchange(ref most, now, seen);
            gate.Wait();
            return Interlocked.Decrement(ref running);
        }))];
        Assert.True(await Eventually.GetAsync(true, () => Volatile.Read(ref running) == 3));
        gate.Set();
        await Task.WhenAll(works).WaitAsync(Patience, TestContext.Current.CancellationToken);
        Assert.Equal(3, most);
        Assert.Equal(["test disk 1", "test disk 2", "test disk 3"], names.Distinct().Order());
    }

    [Fact]
    public async Task What_fails_fails_for_its_caller_and_what_comes_after_the_end_is_refused()
    {
        var pool = new BlockingPool(1);
        await Assert.ThrowsAsync<IOException>(() => pool.RunAsync<int>(static () => throw new IOException("planned")));
        Task<int> last = pool.RunAsync(static () => 7);
        pool.Dispose();
        Assert.Equal(7, await last.WaitAsync(Patience, TestContext.Current.CancellationToken));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => pool.RunAsync(static () => 7));
    }
}
