using System.Collections.Concurrent;
using System.Runtime.CompilerServices;

namespace Afs.Fuse.Session;

/// <summary>
/// One request whose operation waits: it owns the slot until the operation completes, then answers on the thread that
/// completed it. Reused, so that waiting allocates nothing of its own.
/// </summary>
internal sealed class PendingReply<TResult, TShape>
    where TShape : struct, IReplyShape<TResult>
{
    private const int MaxRetained = 64;

    private static readonly ConcurrentQueue<PendingReply<TResult, TShape>> Free = new();

    private readonly Action _resume;
    private Responder? _responder;
    private RequestSlot? _slot;
    private ConfiguredValueTaskAwaitable<TResult>.ConfiguredValueTaskAwaiter _awaiter;

    private PendingReply() => _resume = Resume;

    /// <summary>From here on the slot belongs to the pending request: it may be answered before this returns.</summary>
    public static void Start(Responder responder, RequestSlot slot, ValueTask<TResult> task)
    {
        if (!Free.TryDequeue(out PendingReply<TResult, TShape>? pending))
        {
            pending = new PendingReply<TResult, TShape>();
        }

        pending._responder = responder;
        pending._slot = slot;
        pending._awaiter = task.ConfigureAwait(false).GetAwaiter();
        try
        {
            pending._awaiter.UnsafeOnCompleted(pending._resume);
        }
        catch
        {
            responder.CancelPending();
            throw;
        }
    }

    private void Resume()
    {
        Responder responder = _responder!;
        RequestSlot slot = _slot!;
        ConfiguredValueTaskAwaitable<TResult>.ConfiguredValueTaskAwaiter awaiter = _awaiter;
        _responder = null;
        _slot = null;
        _awaiter = default;
        if (Free.Count < MaxRetained)
        {
            Free.Enqueue(this);
        }

        try
        {
            responder.Complete<TResult, TShape>(slot, awaiter.GetResult());
        }
        catch (Exception exception)
        {
            responder.Fail(slot, exception);
        }
        finally
        {
            responder.Retire(slot);
        }
    }
}
