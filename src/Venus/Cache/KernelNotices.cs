using Afs.Venus.Callbacks;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Cache;

/// <summary>
/// Tells the kernel's caches, once there are some. What isn't awaited by the asker is told from here: a thread that serves a request of the
/// kernel must never wait for a notification of it.
/// </summary>
internal sealed partial class KernelNotices(ILogger log)
{
    private IKernelCaches? _kernel;

    public void Attach(IKernelCaches kernel)
    {
        if (Interlocked.CompareExchange(ref _kernel, kernel, null) is not null)
            throw new InvalidOperationException("The kernel's caches are attached already.");
    }

    /// <summary>Completes when no process can see any longer what was broken.</summary>
    public ValueTask InvalidateAsync(IReadOnlyList<PromiseBreak> breaks) => _kernel?.InvalidateAsync(breaks) ?? ValueTask.CompletedTask;

    public ValueTask InvalidateAllAsync() => _kernel?.InvalidateAllAsync() ?? ValueTask.CompletedTask;

    /// <summary>For one that a mutation without a reply may have changed.</summary>
    public void InvalidateLater(Fid fid)
    {
        if (fid != default)
            _ = TellAsync(() => InvalidateAsync([new PromiseBreak { Fid = fid }]));
    }

    /// <summary>All promises of the server are gone.</summary>
    public void InvalidateAllLater(SuspectReason reason)
    {
        LogTrustLost(reason);
        _ = TellAsync(InvalidateAllAsync);
    }

    private async Task TellAsync(Func<ValueTask> tell)
    {
        try
        {
            await tell();
        }
        catch (Exception e)
        {
            LogFailed(e);
        }
    }

    [LoggerMessage(EventId = 270, Level = LogLevel.Warning, Message = "All that is cached is suspect until it is validated: {Reason}")]
    private partial void LogTrustLost(SuspectReason reason);

    [LoggerMessage(EventId = 271, Level = LogLevel.Error, Message = "The kernel couldn't be told that its caches are stale")]
    private partial void LogFailed(Exception e);
}
