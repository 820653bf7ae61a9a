using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>What the kernel was told.</summary>
internal sealed class TestKernel : IKernelCaches
{
    public List<Fid> Broken { get; } = [];

    public int All { get; private set; }

    /// <summary>Runs at each break, before it is acknowledged.</summary>
    public Action<Fid>? OnBreak { get; set; }

    public ValueTask InvalidateAsync(IReadOnlyList<PromiseBreak> breaks)
    {
        lock (Broken)
            Broken.AddRange(breaks.Select(static b => b.Fid));
        foreach (PromiseBreak broken in breaks)
            OnBreak?.Invoke(broken.Fid);
        return ValueTask.CompletedTask;
    }

    /// <summary>Runs when somebody waits for the ends of uses that are on their way.</summary>
    public Action? OnReleasesAwaited { get; set; }

    public ValueTask EarlierReleasesAsync()
    {
        OnReleasesAwaited?.Invoke();
        return ValueTask.CompletedTask;
    }

    /// <summary>The volumes of which all had to go, in order.</summary>
    public List<VolumeId> Volumes { get; } = [];

    public ValueTask InvalidateAllAsync(VolumeId volume)
    {
        All++;
        lock (Volumes)
            Volumes.Add(volume);
        return ValueTask.CompletedTask;
    }
}
