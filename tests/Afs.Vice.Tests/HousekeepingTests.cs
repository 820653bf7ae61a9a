using Afs.Vice.Hosting;
using Afs.Vice.Tests.Harness;
using Afs.Vice.Volumes.Metadata;

namespace Afs.Vice.Tests;

public sealed class HousekeepingTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly FakeTime _time = new();
    private readonly RecordingLogger _log = new();
    private readonly TaskCompletionSource<Exception> _broken = new();
    private int _sweeps, _alive;

    [Fact]
    public async Task A_sweep_that_takes_long_does_not_silence_the_sign_of_life_and_is_not_begun_twice()
    {
        var sweep = new TaskCompletionSource();
        using var stop = new CancellationTokenSource();
        Task<Exception?> running = Run(() => sweep.Task, stop.Token);
        await Eventually.BecomesTrueAsync(() => Advanced(() => Volatile.Read(ref _alive) >= 5));
        Assert.Equal(1, _sweeps);
        sweep.SetResult();
        await Eventually.BecomesTrueAsync(() => Advanced(() => Volatile.Read(ref _sweeps) >= 3));
        await stop.CancelAsync();
        Assert.Null(await running.WaitAsync(Patience, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_writer_that_broke_ends_it_at_once_whatever_the_sweep_waits_for()
    {
        Task<Exception?> running = Run(static () => Task.Delay(Timeout.Infinite), CancellationToken.None);
        await Eventually.BecomesTrueAsync(() => Advanced(() => Volatile.Read(ref _sweeps) == 1));
        var why = new InvalidOperationException("planned");
        _broken.SetResult(why);
        Assert.Same(why, await running.WaitAsync(Patience, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_sweep_that_the_disk_fails_is_done_again_and_one_that_breaks_an_invariant_ends_it()
    {
        var why = new InvalidOperationException("planned");
        Task<Exception?> running = Run(
            () => Task.FromException(Volatile.Read(ref _sweeps) < 3 ? new StorageException(StorageFailure.NoSpace, "full") : why),
            CancellationToken.None);
        await Eventually.BecomesTrueAsync(() => Advanced(() => running.IsCompleted));
        Assert.Same(why, await running);
        Assert.Equal(3, _sweeps);
        Assert.Equal(2, _log.Lines.Count(static line => line.Contains("full")));
    }

    private Task<Exception?> Run(Func<Task> sweep, CancellationToken stop) => new Housekeeping(
        () =>
        {
            Interlocked.Increment(ref _sweeps);
            return sweep();
        },
        () => Interlocked.Increment(ref _alive),
        _broken.Task,
        _time,
        _log).RunAsync(stop);

    private bool Advanced(Func<bool> isSo)
    {
        _time.Advance(TimeSpan.FromSeconds(1));
        return isSo();
    }
}
