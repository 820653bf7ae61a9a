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

    public ValueTask InvalidateAllAsync()
    {
        All++;
        return ValueTask.CompletedTask;
    }
}
