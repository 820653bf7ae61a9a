using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Afs.Fuse.Abi;
using Afs.Fuse.Protocol;

namespace Afs.Fuse.Session;

/// <summary>
/// Brings the result of an operation to the kernel. A result that is there already is answered at once, on the thread that read
/// the request. A <see cref="PendingReply{TResult}"/> waits for any other, and owns the request's slot meanwhile.
/// Each request is answered exactly once.
/// </summary>
internal sealed class Responder(FuseDevice device, FuseFileSystem fileSystem, InFlightTable table, PendingGate gate, SlotPool pool, IFuseLog log)
{
    private static readonly TimeSpan InterruptAgain = TimeSpan.FromMilliseconds(100);

    public FuseFileSystem FileSystem => fileSystem;

    public IFuseLog Log => log;

    /// <summary>True: answered, and the slot is the caller's again. False: the pending request owns the slot now.</summary>
    public bool Answer<TResult>(RequestSlot slot, ValueTask<TResult> task, Answer<TResult> answer)
    {
        if (task.IsCompleted)
        {
            Complete(slot, task.GetAwaiter().GetResult(), answer);
            return true;
        }

        gate.Enter();
        PendingReply<TResult>.Start(this, slot, task, answer);
        return false;
    }

    /// <summary>Answers with no payload: a refusal, or with <see cref="Errno.None"/> a bare success.</summary>
    public bool Refuse(RequestSlot slot, Errno error)
    {
        Send(slot, error, 0);
        return true;
    }

    /// <summary>Answers the error. EINVAL also goes to the log: the kernel sends nothing malformed.</summary>
    public bool RefuseMalformed(RequestSlot slot, Errno error)
    {
        if (error == Errno.EINVAL)
        {
            log.RequestMalformed(slot.Header.Opcode, slot.Node, slot.Header.Id, slot.FrameBytes);
        }

        return Refuse(slot, error);
    }

    public void Complete<TResult>(RequestSlot slot, in TResult result, Answer<TResult> answer)
    {
        FuseResult<int> payloadBytes = answer.Write(fileSystem, slot, result);
        if (Send(slot, payloadBytes.Error, payloadBytes.Value) || !payloadBytes.IsSuccess)
        {
            return;
        }

        ValueTask<Errno> undone = answer.Undo(fileSystem, slot, result, payloadBytes.Value);
        if (!undone.IsCompletedSuccessfully)
        {
            _ = ObserveUndo(slot.Header, undone);
        }
    }

    /// <summary>The one place for exceptions: what an operation threw becomes EIO and a line in the log. A wait that an INTERRUPT ended becomes EINTR.</summary>
    public void Fail(RequestSlot slot, Exception exception)
    {
        bool isInterrupt = exception is OperationCanceledException && !slot.IsAnswered && slot.IsInterrupted;
        if (!isInterrupt)
        {
            log.OperationFailed(slot.Header.Opcode, slot.Node, slot.Header.Id, exception);
        }

        if (!slot.IsAnswered)
        {
            Send(slot, isInterrupt ? Errno.EINTR : Errno.EIO, 0);
        }
    }

    /// <summary>A pending request was answered: its slot goes back, and there is room for another.</summary>
    public void Retire(RequestSlot slot)
    {
        pool.Return(slot);
        gate.Leave();
    }

    /// <summary>A request could not be made pending: the reader still owns it.</summary>
    public void CancelPending() => gate.Leave();

    /// <summary>
    /// Answers an INTERRUPT with EAGAIN, a moment later. The kernel then sends it again, unless the request was answered meanwhile (fs/fuse/dev.c,
    /// fuse_dev_do_write). Bounded, since a request has one INTERRUPT at a time.
    /// </summary>
    public void AskAgain(RequestId interrupt) => _ = AskAgainLater(interrupt);

    private async Task AskAgainLater(RequestId interrupt)
    {
        await Task.Delay(InterruptAgain).ConfigureAwait(false);
        SendAgain(interrupt);
    }

    /// <summary>A failure needs no answer. ENOENT: the request was answered meanwhile. ENODEV: the session ended.</summary>
    private void SendAgain(RequestId interrupt)
    {
        Span<byte> frame = stackalloc byte[FuseOutHeader.SizeBytes];
        ReplyWriter.Header(frame, interrupt, Errno.EAGAIN, payloadBytes: 0);
        _ = device.Notify(frame);
    }

    private bool Send(RequestSlot slot, Errno error, int payloadBytes)
    {
        table.Unregister(slot);
        slot.IsAnswered = true;
        Errno delivery = device.Write(slot.SealReply(error, payloadBytes));
        if (delivery is not (Errno.None or Errno.ENOENT or Errno.ENODEV))
        {
            log.ReplyRejected(slot.Header.Opcode, slot.Node, slot.Header.Id, delivery);
        }

        return delivery == Errno.None;
    }

    private async Task ObserveUndo(FuseInHeader header, ValueTask<Errno> undone)
    {
        try
        {
            await undone.ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            log.OperationFailed(header.Opcode, header.Node, header.Id, exception);
        }
    }
}

/// <summary>
/// One request whose operation waits. It owns the slot until the operation completes, then answers on the thread that
/// completed it. These objects are reused, so that a request that waits allocates nothing here.
/// </summary>
internal sealed class PendingReply<TResult>
{
    private const int MaxRetained = 64;

    private static readonly ConcurrentQueue<PendingReply<TResult>> Free = new();

    private readonly Action _resume;
    private Responder? _responder;
    private RequestSlot? _slot;
    private Answer<TResult>? _answer;
    private ConfiguredValueTaskAwaitable<TResult>.ConfiguredValueTaskAwaiter _awaiter;

    private PendingReply() => _resume = Resume;

    /// <summary>From here on the pending request owns the slot. It may be answered before this returns.</summary>
    public static void Start(Responder responder, RequestSlot slot, ValueTask<TResult> task, Answer<TResult> answer)
    {
        if (!Free.TryDequeue(out PendingReply<TResult>? pending))
        {
            pending = new PendingReply<TResult>();
        }

        pending._responder = responder;
        pending._slot = slot;
        pending._answer = answer;
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
        Answer<TResult> answer = _answer!;
        ConfiguredValueTaskAwaitable<TResult>.ConfiguredValueTaskAwaiter awaiter = _awaiter;
        _responder = null;
        _slot = null;
        _answer = null;
        _awaiter = default;
        if (Free.Count < MaxRetained)
        {
            Free.Enqueue(this);
        }

        try
        {
            responder.Complete(slot, awaiter.GetResult(), answer);
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

/// <summary>Counts the requests that wait in tasks, says when there are too many, and knows when none is left.</summary>
internal sealed class PendingGate(int maxPending)
{
    private readonly object _monitor = new();
    private int _pending;

    /// <summary>Called when the gate was full and has room again. The gate holds no lock then.</summary>
    public Action RoomMade { get; set; } = static () => { };

    /// <summary>One more request may wait. Several readers may see this at once, so the bound is exceeded by their number at most.</summary>
    public bool HasRoom => Volatile.Read(ref _pending) < maxPending;

    public void Enter()
    {
        lock (_monitor)
        {
            _pending++;
        }
    }

    public void Leave()
    {
        bool isRoomMade;
        lock (_monitor)
        {
            _pending--;
            isRoomMade = _pending == maxPending - 1;
            if (_pending == 0)
            {
                Monitor.PulseAll(_monitor);
            }
        }

        if (isRoomMade)
        {
            RoomMade();
        }
    }

    public void WaitUntilEmpty()
    {
        lock (_monitor)
        {
            while (_pending > 0)
            {
                Monitor.Wait(_monitor);
            }
        }
    }
}
