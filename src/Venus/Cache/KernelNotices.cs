using Afs.Rpc;
using Afs.Venus.Callbacks;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Cache;

/// <summary>
/// Tells the kernel's caches, once there are some. What isn't awaited by the asker is told from here: a thread that serves a request of the
/// kernel must never wait for a notification of it.
/// </summary>
internal sealed partial class KernelNotices(PeerWarnings warnings, ILogger log)
{
    /// <summary>As whom the kernel is told of to the log.</summary>
    private const string Kernel = "the kernel";

    private IKernelCaches? _kernel;

    public void Attach(IKernelCaches kernel)
    {
        if (Interlocked.CompareExchange(ref _kernel, kernel, null) is not null)
            throw new InvalidOperationException("The kernel's caches are attached already.");
    }

    /// <summary>Completes when no process can see any longer what was broken.</summary>
    public ValueTask InvalidateAsync(IReadOnlyList<PromiseBreak> breaks) => _kernel?.InvalidateAsync(breaks) ?? ValueTask.CompletedTask;

    public ValueTask InvalidateAllAsync(VolumeId volume) => _kernel?.InvalidateAllAsync(volume) ?? ValueTask.CompletedTask;

    /// <inheritdoc cref="IKernelCaches.EarlierReleasesAsync"/>
    public ValueTask EarlierReleasesAsync() => _kernel?.EarlierReleasesAsync() ?? ValueTask.CompletedTask;

    /// <summary>For one that a mutation without a reply may have changed.</summary>
    public void InvalidateLater(Fid fid)
    {
        if (fid != default)
            BackgroundWork.Start("telling the kernel", () => TellAsync(() => InvalidateAsync([new PromiseBreak { Fid = fid }])));
    }

    /// <summary>All promises of a volume are gone.</summary>
    /// <param name="server">Whose doing it is, for the log.</param>
    public void InvalidateAllLater(VolumeId volume, string server, SuspectReason reason)
    {
        if (warnings.MayTell(server, nameof(LogTrustLost), out string more))
            LogTrustLost(reason, more);
        BackgroundWork.Start("telling the kernel", () => TellAsync(() => InvalidateAllAsync(volume)));
    }

    private async Task TellAsync(Func<ValueTask> tell)
    {
        try
        {
            await tell();
        }
        catch (Exception e)
        {
            if (warnings.MayTell(Kernel, nameof(LogFailed), out string more))
                LogFailed(more, e);
        }
    }

    [LoggerMessage(EventId = 270, Level = LogLevel.Warning, Message = "All that is cached is suspect until it is validated: {Reason}{More}")]
    private partial void LogTrustLost(SuspectReason reason, string more);

    [LoggerMessage(EventId = 271, Level = LogLevel.Error, Message = "The kernel couldn't be told that its caches are stale{More}")]
    private partial void LogFailed(string more, Exception e);
}
