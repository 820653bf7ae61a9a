using Afs.Platform;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>After a crash contents are compared with their checksums before they are used: beside whoever opens them, which is a thread that reads everybody's requests.</summary>
public sealed class VerificationTests : IDisposable
{
    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"venus-test-{Guid.NewGuid():N}");
    private readonly MemoryVolume _volume = new();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task AnOpen_DoesNotRunIt_AndAllWhoOpenMeanwhileWaitForOne()
    {
        Fid fid = await CacheAndCrashAsync();
        var work = new HeldWork();
        await using TestClient again = await TestClient.OpenAsync(_volume, folder: _folder, wasCleanEnd: false, work: work);

        Task<Result<IContainer>>[] opens = [.. Enumerable.Range(0, 5).Select(_ => OpenAsync(again, fid))];

        bool[] hadEnded = [.. opens.Select(static open => open.IsCompleted)];
        int begun = work.Begun;
        work.Go();
        Assert.DoesNotContain(true, hadEnded);
        Assert.InRange(begun, 1, 2); // The content may be looked at in the background too, for a mapping that outlived its close.
        foreach (Result<IContainer> opened in await Task.WhenAll(opens))
            opened.Value.Dispose();
        Assert.Equal(0, again.Server.Stub.CountOf("Download"));
    }

    [Fact]
    public async Task WhoIsInterrupted_WaitsNoLonger_AndTheOthersDo()
    {
        Fid fid = await CacheAndCrashAsync();
        var work = new HeldWork();
        await using TestClient again = await TestClient.OpenAsync(_volume, folder: _folder, wasCleanEnd: false, work: work);
        using var interrupt = new CancellationTokenSource();
        Task<Result<IContainer>> killed = OpenAsync(again, fid, interrupt.Token), other = OpenAsync(again, fid);

        await interrupt.CancelAsync();

        Assert.Equal(FailureKind.Interrupted, (await killed).Failure.Kind);
        Assert.False(other.IsCompleted);
        work.Go();
        (await other).Value.Dispose();
    }

    private static Task<Result<IContainer>> OpenAsync(TestClient client, Fid fid, CancellationToken cancellation = default) =>
        client.Manager.Contents.OpenAsync(fid, forWriting: false, truncate: false, OperationContext.OfClient(cancellation)).AsTask();

    private async Task<Fid> CacheAndCrashAsync()
    {
        TestClient a = await TestClient.OpenAsync(_volume, folder: _folder);
        Fid fid = await a.CreateAsync("f");
        await a.WriteAsync(fid, new string('x', 100_000));
        await a.SealAllAsync();
        await a.CrashAsync();
        return fid;
    }

    /// <summary>Begins nothing before it is told to.</summary>
    private sealed class HeldWork : IBlockingWork
    {
        private readonly TaskCompletionSource _go = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _begun;

        public int Begun => Volatile.Read(ref _begun);

        public void Go() => _go.SetResult();

        public async Task<T> RunAsync<T>(Func<T> work)
        {
            Interlocked.Increment(ref _begun);
            await _go.Task;
            return work();
        }
    }
}
