using Afs.Rpc;
using Afs.Vice.Callbacks;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Vice.Locks;

/// <summary>
/// Tells clients what became of their requests for locks: one call to a client at a time, in order, and again until it is answered or there is nothing to tell. Nobody waits for it, and it holds nothing.
/// </summary>
internal sealed partial class LockDelivery(LeaseTerms terms, TimeProvider time, ILogger log)
{
    /// <summary>Before a call that failed on a live connection is made again.</summary>
    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(100);

    /// <summary>For who found that nobody tells the session.</summary>
    public void Start(ServerLocks locks, ClientSession session) => BackgroundWork.Start("telling what became of locks", () => TellAllAsync(locks, session));

    private async Task TellAllAsync(ServerLocks locks, ClientSession session)
    {
        await Task.Yield();
        while (locks.NextNews(session) is { } news)
        {
            (IVenusCallbacks? callbacks, Task woken) = session.Connection();
            if (callbacks is not null && await CallAsync(callbacks, news))
                locks.Told(session, news);
            else
                await PauseAsync(woken, callbacks is null ? terms.Lease : RetryPause);
        }
    }

    private async Task<bool> CallAsync(IVenusCallbacks callbacks, LocksDecidedRequest news)
    {
        try
        {
            return (await callbacks.LocksDecidedAsync(news, new CallContext { Deadline = 2 * terms.ServerWait })).IsReply;
        }
        catch (Exception e)
        {
            // As a call that failed: it is made again until the client's lease is over.
            LogCallFailed(log, e);
            return false;
        }
    }

    private async Task PauseAsync(Task woken, TimeSpan atMost)
    {
        using var timer = new CancellationTokenSource();
        await Task.WhenAny(woken, Task.Delay(atMost, time, timer.Token));
        timer.Cancel();
    }

    [LoggerMessage(EventId = 1005, Level = LogLevel.Error, Message = "A decision about locks could not be sent")]
    private static partial void LogCallFailed(ILogger log, Exception e);
}
