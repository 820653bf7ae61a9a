using Afs.Fuse.Abi;
using Afs.Fuse.Protocol;

namespace Afs.Fuse.Session;

/// <summary>
/// Everything that one request needs from its arrival to its reply: the frame, room for the reply, and the token that an
/// INTERRUPT sets. A reader thread owns it while the operation runs; an operation that waits takes it along, and returns
/// it to the <see cref="SlotPool"/> after the reply. So memory that an operation was given stays valid until it completes.
/// </summary>
internal sealed class RequestSlot
{
    /// <summary>The frame begins here, so that a WRITE's data (after 80 bytes of headers) begins on a page.</summary>
    private const int FrameOffset = FuseProtocol.PageBytes - FuseInHeader.SizeBytes - WriteRequest.DataOffset;

    /// <summary>The reply's payload begins here, on a page, after its header.</summary>
    private const int PayloadOffset = FuseProtocol.PageBytes;

    private readonly NativeBuffer _frame;
    private readonly NativeBuffer _reply;
    private CancellationTokenSource _interrupt = new();
    private int _bodyBytes;

    /// <param name="maxPayloadBytes">The longest WRITE data and READ reply.</param>
    public RequestSlot(int maxPayloadBytes)
    {
        _frame = new NativeBuffer(FuseProtocol.PageBytes + maxPayloadBytes);
        _reply = new NativeBuffer(FuseProtocol.PageBytes + maxPayloadBytes);
        MaxPayloadBytes = maxPayloadBytes;
    }

    public int MaxPayloadBytes { get; }

    public RequestHeader Header { get; private set; }

    public ReplyHints Hints { get; set; }

    /// <summary>The reply went to the kernel, or the request has none.</summary>
    public bool IsAnswered { get; set; }

    public bool IsInterrupted => _interrupt.IsCancellationRequested;

    /// <summary>Where the next frame is read into.</summary>
    public unsafe Span<byte> FrameRoom => new(_frame.Start + FrameOffset, _frame.LengthBytes - FrameOffset);

    public unsafe ReadOnlySpan<byte> Body => new(_frame.Start + FrameOffset + FuseInHeader.SizeBytes, _bodyBytes);

    public unsafe Span<byte> Payload => new(_reply.Start + PayloadOffset, MaxPayloadBytes);

    /// <summary>The length of the frame, without its extensions.</summary>
    public int FrameBytes => FuseInHeader.SizeBytes + _bodyBytes;

    public NodeId Node => Header.Node;

    /// <summary>Who asks, with the token of this request.</summary>
    public FuseRequest Caller => new(Header.Id, Header.Uid, Header.Gid, Header.Pid, _interrupt.Token);

    /// <summary>Who asked, for the undoing of a reply that was not delivered: nobody waits for it.</summary>
    public FuseRequest FormerCaller => Caller with { Interrupted = CancellationToken.None };

    public Memory<byte> PayloadMemory(int lengthBytes) => _reply.Memory.Slice(PayloadOffset, lengthBytes);

    public ReadOnlyMemory<byte> WriteData(int lengthBytes) =>
        _frame.Memory.Slice(FrameOffset + FuseInHeader.SizeBytes + WriteRequest.DataOffset, lengthBytes);

    public void Begin(in RequestHeader header, int bodyBytes)
    {
        Header = header;
        Hints = default;
        IsAnswered = false;
        _bodyBytes = bodyBytes;
    }

    /// <summary>Seals the reply: its header, directly before the payload that was written.</summary>
    public unsafe ReadOnlySpan<byte> SealReply(Errno error, int payloadBytes)
    {
        byte* start = _reply.Start + PayloadOffset - FuseOutHeader.SizeBytes;
        var frame = new Span<byte>(start, FuseOutHeader.SizeBytes + payloadBytes);
        ReplyWriter.Header(frame, Header.Id, error, payloadBytes);
        return frame;
    }

    /// <summary>Sets the token. Taken under the lock of <see cref="InFlightTable"/>, used outside of it.</summary>
    public CancellationTokenSource InterruptSource => _interrupt;

    /// <summary>
    /// Makes the token fit for the next request. <paramref name="wasInterrupted"/>: someone took the source and may set it
    /// late, so that the slot needs another one, lest the interrupt hit its next request.
    /// Called under the lock of <see cref="InFlightTable"/>.
    /// </summary>
    public void RenewToken(bool wasInterrupted)
    {
        if (wasInterrupted || !_interrupt.TryReset())
        {
            _interrupt = new CancellationTokenSource();
        }
    }

    public void Free()
    {
        _frame.Free();
        _reply.Free();
    }
}
