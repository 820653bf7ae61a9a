using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Simulation;

/// <summary>The kernel's caches of a client: they take a moment to be told.</summary>
internal sealed class SimKernel(TimeProvider time, Random random) : IKernelCaches
{
    private const int MostMs = 6;

    public async ValueTask InvalidateAsync(IReadOnlyList<PromiseBreak> breaks) => await PauseAsync();

    public async ValueTask InvalidateAllAsync(VolumeId volume) => await PauseAsync();

    private Task PauseAsync() => Task.Delay(TimeSpan.FromMilliseconds(random.Next(0, MostMs)), time);
}
