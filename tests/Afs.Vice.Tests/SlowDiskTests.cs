using System.Collections.Concurrent;
using Afs.Rpc;
using Afs.Vice.Hosting;
using Afs.Vice.Service;
using Afs.Vice.Tests.Harness;
using Afs.Wire;

namespace Afs.Vice.Tests;

public class SlowDiskTests
{
    private const int Transfers = 24;

    [Fact]
    public async Task Contents_are_read_and_written_on_threads_of_their_own_and_hold_up_no_other_call()
    {
        using var pools = new DiskPools();
        using var cell = new TestCell(disks: pools.Threads);
        using var isQuick = new ManualResetEventSlim(initialState: true);
        var threads = new ConcurrentDictionary<string, bool>();
        cell.Disk.BeforeContent = () =>
        {
            threads[Thread.CurrentThread.IsThreadPoolThread ? "the pool" : Thread.CurrentThread.Name ?? "somebody's"] = true;
            isQuick.Wait();
        };
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync(), f = await a.MakeAsync(root, "f"), g = await a.MakeAsync(root, "g"), other = await a.MakeAsync(root, "other");
        byte[] content = new byte[200_000];
        new Random(1).NextBytes(content);
        byte[] changed = [.. content];
        changed[0]++;
        await a.UploadAsync(new UploadId(1), f.Volume, content);
        await a.StoreUploadAsync(f, new UploadId(1), content, 1);
        await a.UploadAsync(new UploadId(1), g.Volume, content);
        await a.StoreUploadAsync(g, new UploadId(1), content, 1);

        isQuick.Reset();
        List<Task<Outcome<byte[]>>> downloads = [.. Enumerable.Range(0, Transfers).Select(_ => Task.Run(() => a.DownloadAsync(f, 2)))];
        List<Task<Outcome<UploadReply>>> uploads = [.. Enumerable.Range(2, Transfers).Select(id => Task.Run(() => a.UploadAsync(new UploadId((ulong)id), f.Volume, content)))];
        Task<Outcome<StoreDataReply>> part = Task.Run(async () => await a.Vice.StoreDataAsync(a.PartsRequest(g, 2, changed, [new Extent { OffsetBytes = 0, LengthBytes = Limits.BlockBytes }]), a.Next()));
        Assert.True(await Eventually.GetAsync(true, () => IsIn(threads, "vice read") && IsIn(threads, "vice write")));

        Assert.NotNull(await a.StatusAsync(other));
        Assert.True((await a.StoreAsync(other, [1, 2, 3], 1)).IsReply);
        Assert.Equal([1, 2, 3], (await a.FetchAsync(other)).Value.Content);
        Assert.All(downloads, static download => Assert.False(download.IsCompleted));
        Assert.All(uploads, static upload => Assert.False(upload.IsCompleted));

        isQuick.Set();
        Assert.All(await Task.WhenAll(downloads), downloaded => Assert.Equal(content, downloaded.Value));
        Assert.All(await Task.WhenAll(uploads), static upload => Assert.True(upload.IsReply));
        Assert.True((await part).IsReply);
        Assert.All(threads.Keys, static name => Assert.StartsWith("vice ", name));
    }

    [Fact]
    public async Task Metadata_that_is_slow_to_read_holds_no_more_threads_of_callers_than_may_wait()
    {
        using var pools = new DiskPools();
        using var cell = new TestCell(disks: pools.Threads);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        using var isQuick = new ManualResetEventSlim();
        (int inside, int ofPool) = (0, 0);
        cell.Hooks.BeforeView = () =>
        {
            if (Thread.CurrentThread.IsThreadPoolThread)
                Interlocked.Increment(ref ofPool);
            Interlocked.Increment(ref inside);
            isQuick.Wait();
        };
        List<Task<FetchStatus?>> reads = [.. Enumerable.Range(0, Transfers).Select(_ => Task.Run(() => a.StatusAsync(root)))];
        Assert.True(await Eventually.GetAsync(true, () => Volatile.Read(ref inside) > DiskThreads.MostCallers + 4));

        Assert.InRange(Volatile.Read(ref ofPool), 0, DiskThreads.MostCallers);
        isQuick.Set();
        Assert.All(await Task.WhenAll(reads), Assert.NotNull);
    }

    private static bool IsIn(ConcurrentDictionary<string, bool> threads, string kind) => threads.Keys.Any(name => name.StartsWith(kind, StringComparison.Ordinal));
}
