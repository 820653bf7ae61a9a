using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Simulation;

/// <summary>The kernel of a client: its caches take a moment to be told, and it tells of a last close a moment later.</summary>
/// <param name="releasesAreAwaited">False is a planted bug: who asks for what is on its way is told that nothing is.</param>
internal sealed class SimKernel(TimeProvider time, Random random, bool releasesAreAwaited = true) : IKernelCaches
{
    private const int MostMs = 6;

    /// <summary>One of so many releases waits for a processor for longer than another client takes to store.</summary>
    private const int LateOneIn = 4, MostLateMs = 1000;

    private readonly List<Task> _releases = [];

    public async ValueTask InvalidateAsync(IReadOnlyList<PromiseBreak> breaks) => await PauseAsync();

    public async ValueTask InvalidateAllAsync(VolumeId volume) => await PauseAsync();

    /// <summary>The last close of an open file has returned.</summary>
    public void Release(IContainer container)
    {
        _releases.RemoveAll(static release => release.IsCompleted);
        _releases.Add(ReleaseAsync(container));
    }

    public async ValueTask EarlierReleasesAsync()
    {
        if (releasesAreAwaited)
            await Task.WhenAll(_releases);
    }

    private async Task ReleaseAsync(IContainer container)
    {
        await Task.Delay(TimeSpan.FromMilliseconds(random.Next(LateOneIn) == 0 ? random.Next(1, MostLateMs) : 0), time);
        container.Dispose();
    }

    private Task PauseAsync() => Task.Delay(TimeSpan.FromMilliseconds(random.Next(0, MostMs)), time);
}
