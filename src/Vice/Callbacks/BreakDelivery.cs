using Afs.Rpc;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Vice.Callbacks;

/// <summary>Brings breaks to clients: one delivery for each client at a time, which holds nothing that another client or a writer needs.</summary>
internal sealed partial class BreakDelivery(
    Promises promises, LeaseTerms terms, IReadOnlyList<VolumeId> volumes, TimeProvider time, ILogger log)
{
    /// <summary>Before a call that failed on a live connection is made again.</summary>
    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(100);

    /// <summary>For who found the queue without a delivery.</summary>
    public void Start(ClientSession session) => _ = DeliverAllAsync(session);

    /// <summary>The session is over: whoever waits for it goes on.</summary>
    public void End(ClientSession session)
    {
        session.HasEnded = true;
        session.Wake();
    }

    private async Task DeliverAllAsync(ClientSession session)
    {
        // The writer's thread has better to do than to write messages.
        await Task.Yield();
        while (session.Breaks.TakeBatch() is { } batch)
        {
            await DeliverAsync(session, batch);
            batch.Release();
        }
    }

    /// <summary>Returns when the client acknowledged, or can no longer trust what is broken.</summary>
    private async Task DeliverAsync(ClientSession session, BreakBatch batch)
    {
        using var stop = new CancellationTokenSource();
        var patience = new BreakPatience(session, terms, time);
        Task<bool>? call = null;
        try
        {
            while (!session.HasEnded)
            {
                TimeSpan left = patience.Left();
                if (left <= TimeSpan.Zero)
                {
                    if (GiveUp(session, patience.Decide(), batch))
                        return;
                    // The call that is under way, if any, broke less than what is to be acknowledged from here on.
                    call = null;
                    continue;
                }
                (IVenusCallbacks? callbacks, Task woken) = session.Connection();
                call ??= callbacks is null ? null : CallAsync(callbacks, batch, stop.Token);
                await FirstOfAsync(call, woken, left);
                if (call is not { IsCompleted: true })
                    continue;
                if (await call)
                {
                    promises.Acknowledged(batch.Breaks);
                    return;
                }
                call = null;
                await FirstOfAsync(null, woken, left < RetryPause ? left : RetryPause);
            }
        }
        finally
        {
            stop.Cancel();
        }
    }

    /// <summary>True: nobody need wait any more.</summary>
    private bool GiveUp(ClientSession session, BreakPatience.Verdict verdict, BreakBatch batch)
    {
        switch (verdict)
        {
            case BreakPatience.Verdict.Lapsed:
                LogLapsed(log, session.Client, session.SinceContact.TotalMilliseconds);
                promises.Lapse(session);
                return true;
            case BreakPatience.Verdict.Reset:
                LogReset(log, session.Client, terms.ServerWait.TotalMilliseconds);
                promises.ResetAndHold(session, batch.BecomeEverything());
                return false;
            default:
                return true;
        }
    }

    private async Task<bool> CallAsync(IVenusCallbacks callbacks, BreakBatch batch, CancellationToken stop)
    {
        promises.Figures.CountCall(batch.Breaks.Count);
        var context = new CallContext { Cancellation = stop, Deadline = 2 * terms.ServerWait };
        Outcome<BreakPromisesReply> outcome = await callbacks.BreakPromisesAsync(batch.ToMessage(volumes), context);
        return outcome.IsReply;
    }

    private async Task FirstOfAsync(Task? call, Task woken, TimeSpan atMost)
    {
        if (call is { IsCompleted: true })
            return;
        using var timer = new CancellationTokenSource();
        // Task.Delay counts in whole milliseconds and would wait too short.
        Task delay = Task.Delay(TimeSpan.FromMilliseconds(Math.Ceiling(atMost.TotalMilliseconds)), time, timer.Token);
        await (call is null ? Task.WhenAny(woken, delay) : Task.WhenAny(call, woken, delay));
        timer.Cancel();
    }

    [LoggerMessage(EventId = 1001, Level = LogLevel.Warning, Message = "Client {Client} is silent for {SilentMs} ms: its lease has ended, its promises are dropped")]
    private static partial void LogLapsed(ILogger log, ClientId client, double silentMs);

    [LoggerMessage(EventId = 1002, Level = LogLevel.Warning, Message = "Client {Client} did not acknowledge a break within {WaitMs} ms: its promises are dropped")]
    private static partial void LogReset(ILogger log, ClientId client, double waitMs);
}
