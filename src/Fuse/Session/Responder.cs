using Afs.Fuse.Abi;
using Afs.Fuse.Protocol;

namespace Afs.Fuse.Session;

/// <summary>
/// The way from an operation's result to the kernel. A result that is there is answered at once, on the thread that read
/// the request; one that isn't is handed to a <see cref="PendingReply{TResult,TShape}"/>, with the request's slot.
/// Each request is answered exactly once.
/// </summary>
internal sealed class Responder(FuseDevice device, FuseFileSystem fileSystem, InFlightTable table, PendingGate gate, SlotPool pool, IFuseLog log)
{
    private static readonly TimeSpan InterruptAgain = TimeSpan.FromMilliseconds(100);

    public FuseFileSystem FileSystem => fileSystem;

    public IFuseLog Log => log;

    /// <summary>True: answered, and the slot is the caller's again. False: the slot went with the pending request.</summary>
    public bool Answer<TResult, TShape>(RequestSlot slot, ValueTask<TResult> task)
        where TShape : struct, IReplyShape<TResult>
    {
        if (task.IsCompleted)
        {
            Complete<TResult, TShape>(slot, task.GetAwaiter().GetResult());
            return true;
        }

        gate.Enter();
        PendingReply<TResult, TShape>.Start(this, slot, task);
        return false;
    }

    /// <summary>Answers with no payload: a refusal, or with <see cref="Errno.None"/> a bare success.</summary>
    public bool Refuse(RequestSlot slot, Errno error)
    {
        Send(slot, error, 0);
        return true;
    }

    /// <summary>Answers EINVAL, and says so in the log.</summary>
    public bool RefuseMalformed(RequestSlot slot, Errno error)
    {
        if (error == Errno.EINVAL)
        {
            log.RequestMalformed(slot.Header.Opcode, slot.Node, slot.Header.Id, slot.FrameBytes);
        }

        return Refuse(slot, error);
    }

    public void Complete<TResult, TShape>(RequestSlot slot, in TResult result)
        where TShape : struct, IReplyShape<TResult>
    {
        Errno error = TShape.Encode(fileSystem, slot, result, out int payloadBytes);
        if (Send(slot, error, error == Errno.None ? payloadBytes : 0) || error != Errno.None)
        {
            return;
        }

        ValueTask<Errno> undone = TShape.Undo(fileSystem, slot, result);
        if (!undone.IsCompletedSuccessfully)
        {
            _ = ObserveUndo(slot.Header, undone);
        }
    }

    /// <summary>The one catch-all: what an operation threw becomes EIO and a line in the log; a wait that an INTERRUPT ended becomes EINTR.</summary>
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

    /// <summary>A pending request was answered: its slot is free, and there is room for another.</summary>
    public void Retire(RequestSlot slot)
    {
        pool.Return(slot);
        gate.Leave();
    }

    /// <summary>A request could not be made pending: it is still the reader's.</summary>
    public void CancelPending() => gate.Leave();

    /// <summary>
    /// Answers an INTERRUPT with EAGAIN, a moment later: the kernel sends it again unless its request was answered (fs/fuse/dev.c,
    /// fuse_dev_do_write). Bounded, for a request has one INTERRUPT at a time.
    /// </summary>
    public void AskAgain(RequestId interrupt) => _ = AskAgainLater(interrupt);

    private async Task AskAgainLater(RequestId interrupt)
    {
        await Task.Delay(InterruptAgain).ConfigureAwait(false);
        SendAgain(interrupt);
    }

    /// <summary>ENOENT: answered meanwhile. ENODEV: the session ended.</summary>
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

    private async Task ObserveUndo(RequestHeader header, ValueTask<Errno> undone)
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
