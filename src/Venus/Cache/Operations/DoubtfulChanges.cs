using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>A mutation that may have run leaves what it touches suspect, here and in the kernel.</summary>
internal sealed class DoubtfulChanges(Statuses statuses, KernelNotices kernel)
{
    /// <summary>The failure, as it came.</summary>
    public Failure Judge(Failure failure, params ReadOnlySpan<Fid> touched)
    {
        if (failure.Kind != FailureKind.InDoubt)
            return failure;
        foreach (Fid fid in touched)
        {
            statuses.Distrust(fid);
            kernel.InvalidateLater(fid);
        }
        return failure;
    }
}
