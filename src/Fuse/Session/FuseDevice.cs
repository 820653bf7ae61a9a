using System.Buffers;
using System.Runtime.InteropServices;
using Afs.Fuse.Abi;
using Afs.Fuse.Interop;
using Afs.Fuse.Protocol;
using Microsoft.Win32.SafeHandles;

namespace Afs.Fuse.Session;

/// <summary>
/// The descriptor of /dev/fuse, opened once and shared by all threads of the session. Reads and replies use its number without counting a
/// reference: the session closes it only after the last reader has ended and the last request was answered. A notification may come at any time, so it
/// keeps the descriptor open while it writes.
/// </summary>
internal sealed class FuseDevice(SafeFileHandle handle) : IDisposable
{
    private const nuint BackingOpenRequest = 0x4010E501;
    private const nuint BackingCloseRequest = 0x4004E502;
    private const int FcntlDuplicateCloseOnExec = 1030;

    private readonly int _descriptor = (int)handle.DangerousGetHandle();

    public int Descriptor => _descriptor;

    /// <summary>Waits for one request. On failure the count is zero. ENODEV: unmounted. So is the end of a socket, if one stands in the place of /dev/fuse.</summary>
    public unsafe Errno Read(Span<byte> frame, out int frameBytes)
    {
        nint count;
        fixed (byte* start = frame)
        {
            count = NativeMethods.Read(_descriptor, start, frame.Length);
        }

        Errno error = count < 0 ? NativeMethods.RawErrno() : Errno.None;
        frameBytes = Math.Max(0, (int)count);
        return count == 0 ? Errno.ENODEV : error;
    }

    /// <summary>True: a read would return at once, since there is a request, or none will come any more. Doesn't wait itself.</summary>
    public unsafe bool HasRequest()
    {
        var look = new PollDescriptor { Descriptor = _descriptor, Events = PollDescriptor.Readable };
        return NativeMethods.Poll(&look, 1, 0) > 0;
    }

    /// <summary>Writes one reply. ENOENT: the kernel no longer waits for it.</summary>
    public unsafe Errno Write(ReadOnlySpan<byte> frame)
    {
        nint count;
        fixed (byte* start = frame)
        {
            count = NativeMethods.Write(_descriptor, start, frame.Length);
        }

        return count < 0 ? NativeMethods.RawErrno() : Errno.None;
    }

    /// <summary>Writes one notification; ENODEV after the session's end.</summary>
    public Errno Notify(ReadOnlySpan<byte> frame)
    {
        bool added = false;
        try
        {
            handle.DangerousAddRef(ref added);
            return Write(frame);
        }
        catch (ObjectDisposedException)
        {
            return Errno.ENODEV;
        }
        finally
        {
            if (added)
            {
                handle.DangerousRelease();
            }
        }
    }

    /// <summary>FUSE_DEV_IOC_BACKING_OPEN.</summary>
    public unsafe FuseResult<BackingId> OpenBacking(int fileDescriptor)
    {
        if (handle.IsClosed)
        {
            return Errno.ENODEV;
        }

        var map = new FuseBackingMap(fileDescriptor, 0, 0);
        int id = NativeMethods.Ioctl(handle, BackingOpenRequest, &map);
        Errno error = id < 0 ? NativeMethods.LastErrno() : Errno.None;
        return error == Errno.None ? new BackingId(id) : error;
    }

    /// <summary>FUSE_DEV_IOC_BACKING_CLOSE.</summary>
    public unsafe Errno CloseBacking(BackingId backing)
    {
        if (handle.IsClosed)
        {
            return Errno.ENODEV;
        }

        uint id = (uint)backing.Value;
        int result = NativeMethods.Ioctl(handle, BackingCloseRequest, &id);
        return result < 0 ? NativeMethods.LastErrno() : Errno.None;
    }

    /// <summary>A second descriptor of the same connection, closed on exec, for a supervisor to keep.</summary>
    public SafeFileHandle Duplicate()
    {
        int copy = NativeMethods.Fcntl(handle, FcntlDuplicateCloseOnExec, 0);
        Errno error = copy < 0 ? NativeMethods.LastErrno() : Errno.None;
        return error == Errno.None ? new SafeFileHandle(copy, ownsHandle: true) : throw new FuseException("Cannot duplicate the FUSE descriptor.", error);
    }

    public void Dispose() => handle.Dispose();
}

/// <summary>
/// The loop of one reader thread: read a request, work on it, read the next. A request that waits keeps its slot, and the thread takes another one.
/// The loop ends when the filesystem was unmounted, or when there are enough readers.
/// </summary>
internal sealed class RequestReader(FuseDevice device, ReaderTeam team, RequestDispatcher dispatcher, EarlierReleases releases, SlotPool pool, IFuseLog log)
{
    /// <summary>True: this was the session's last reader.</summary>
    public bool Run()
    {
        ReaderMark mark = releases.Join();
        try
        {
            return Run(mark);
        }
        finally
        {
            releases.Leave(mark);
        }
    }

    private bool Run(ReaderMark mark)
    {
        RequestSlot slot = pool.Rent();
        while (true)
        {
            switch (team.BeginRead(out RequestSlot? waiting))
            {
                case ReaderTeam.Step.Work:
                    if (dispatcher.Work(waiting!))
                    {
                        pool.Return(waiting!);
                    }

                    continue;
                case ReaderTeam.Step.Leave:
                    pool.Return(slot);
                    return false;
            }

            mark.BeginRead();
            Errno error = device.Read(slot.FrameRoom, out int frameBytes);
            if (error == Errno.None)
            {
                slot = Take(slot, frameBytes, mark);
                continue;
            }

            mark.EndRead();
            team.TookNothing();
            if (IsPassing(error))
            {
                continue;
            }

            if (error != Errno.ENODEV)
            {
                log.DeviceFailed(error);
            }

            pool.Return(slot);
            return team.Leave();
        }
    }

    /// <summary>The slot to read the next request into.</summary>
    private RequestSlot Take(RequestSlot slot, int frameBytes, ReaderMark mark)
    {
        slot.Begin(frameBytes);
        bool isNow = team.Took(slot.Operation, slot.Header.Pid);
        bool isDone = dispatcher.Accept(slot);
        mark.EndRead();
        if (isDone)
        {
            return slot;
        }

        if (isNow)
        {
            return dispatcher.Work(slot) ? slot : pool.Rent();
        }

        team.Wait(slot);
        return pool.Rent();
    }

    /// <summary>EINTR: a signal. ENOENT: the request was interrupted while it was being read. EAGAIN: another reader took it.</summary>
    private static bool IsPassing(Errno error) => error is Errno.EINTR or Errno.EAGAIN or Errno.ENOENT;
}

/// <summary>
/// Everything that one request needs from its arrival to its reply: the frame, room for the reply, and the token that an
/// INTERRUPT sets. A reader thread owns it while the operation runs. An operation that waits owns it until the reply, and returns
/// it to the <see cref="SlotPool"/>. So the memory that an operation was given stays valid until it completes.
/// </summary>
internal sealed class RequestSlot
{
    /// <summary>The frame begins here, so that a WRITE's data (after 80 bytes of headers) begins on a page.</summary>
    private const int FrameOffset = FuseProtocol.PageBytes - FuseInHeader.SizeBytes - FuseWriteIn.Bytes;

    /// <summary>The reply's payload begins here, on a page. Its header stands before it.</summary>
    private const int PayloadOffset = FuseProtocol.PageBytes;

    private readonly NativeBuffer _frame;
    private readonly NativeBuffer _reply;
    private CancellationTokenSource _interrupt = new();
    private FuseInHeader _header;
    private int _bodyBytes;

    /// <param name="maxPayloadBytes">The longest WRITE data and READ reply.</param>
    public RequestSlot(int maxPayloadBytes)
    {
        _frame = new NativeBuffer(FuseProtocol.PageBytes + maxPayloadBytes);
        _reply = new NativeBuffer(FuseProtocol.PageBytes + maxPayloadBytes);
        MaxPayloadBytes = maxPayloadBytes;
    }

    public int MaxPayloadBytes { get; }

    /// <summary>Zeros where the frame was too short for one.</summary>
    public ref readonly FuseInHeader Header => ref _header;

    public Operation Operation { get; private set; } = OperationTable.Find(default);

    /// <summary>The frame is as long as it says.</summary>
    public bool IsWhole { get; private set; }

    /// <summary>The reply went to the kernel, or the request has none.</summary>
    public bool IsAnswered { get; set; }

    public bool IsInterrupted => _interrupt.IsCancellationRequested;

    /// <summary>How many INTERRUPTs came for it so far. Guarded by the lock of <see cref="InFlightTable"/>.</summary>
    public int Interrupts { get; set; }

    /// <summary>Where the next frame is read into.</summary>
    public unsafe Span<byte> FrameRoom => new(_frame.Start + FrameOffset, _frame.LengthBytes - FrameOffset);

    public unsafe ReadOnlySpan<byte> Body => new(_frame.Start + FrameOffset + FuseInHeader.SizeBytes, _bodyBytes);

    public unsafe Span<byte> Payload => new(_reply.Start + PayloadOffset, MaxPayloadBytes);

    public int FrameBytes { get; private set; }

    public NodeId Node => Header.Node;

    /// <summary>Who asks, with the token of this request.</summary>
    public FuseRequest Caller => new(Header.Id, Header.Uid, Header.Gid, Header.Pid, _interrupt.Token);

    /// <summary>The caller of a reply that could not be delivered, for undoing it. Nobody waits any more, so nothing can be interrupted.</summary>
    public FuseRequest FormerCaller => Caller with { Interrupted = CancellationToken.None };

    public Memory<byte> PayloadMemory(int lengthBytes) => _reply.Memory.Slice(PayloadOffset, lengthBytes);

    public ReadOnlyMemory<byte> WriteData(int lengthBytes) =>
        _frame.Memory.Slice(FrameOffset + FuseInHeader.SizeBytes + FuseWriteIn.Bytes, lengthBytes);

    /// <summary>A frame of so many bytes is there.</summary>
    public void Begin(int frameBytes)
    {
        IsWhole = FrameReader.TryOpen(FrameRoom[..frameBytes], out _header, out ReadOnlySpan<byte> body);
        Operation = OperationTable.Find(_header.Opcode);
        FrameBytes = frameBytes;
        IsAnswered = false;
        Interrupts = 0;
        _bodyBytes = body.Length;
    }

    /// <summary>The structure that a well-formed request begins with. It stays as it came until the reply.</summary>
    public T Head<T>()
        where T : struct => MemoryMarshal.Read<T>(Body);

    /// <summary>Writes the reply's header directly before its payload. Returns both.</summary>
    public unsafe ReadOnlySpan<byte> SealReply(Errno error, int payloadBytes)
    {
        byte* start = _reply.Start + PayloadOffset - FuseOutHeader.SizeBytes;
        var frame = new Span<byte>(start, FuseOutHeader.SizeBytes + payloadBytes);
        ReplyWriter.Header(frame, Header.Id, error, payloadBytes);
        return frame;
    }

    /// <summary>What sets the token. It is fetched under the lock of <see cref="InFlightTable"/>, and used outside of it.</summary>
    public CancellationTokenSource InterruptSource => _interrupt;

    /// <summary>
    /// Makes the token ready for the next request. Where it <paramref name="wasInterrupted"/>, another thread has the source and may set it only later:
    /// then the slot gets a new one, so that the next request isn't interrupted in place of this one.
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

/// <summary>Slots that no request uses. Keeps at most <c>retained</c> of them; more are freed.</summary>
internal sealed class SlotPool(int maxPayloadBytes, int retained)
{
    private readonly Lock _lock = new();
    private readonly Stack<RequestSlot> _free = new(retained);
    private bool _closed;

    public RequestSlot Rent()
    {
        lock (_lock)
        {
            if (_free.TryPop(out RequestSlot? slot))
            {
                return slot;
            }
        }

        return new RequestSlot(maxPayloadBytes);
    }

    public void Return(RequestSlot slot)
    {
        lock (_lock)
        {
            if (!_closed && _free.Count < retained)
            {
                _free.Push(slot);
                return;
            }
        }

        slot.Free();
    }

    /// <summary>Frees all slots in the pool, and from then on every slot that is returned.</summary>
    public void Close()
    {
        lock (_lock)
        {
            _closed = true;
            while (_free.TryPop(out RequestSlot? slot))
            {
                slot.Free();
            }
        }
    }
}

/// <summary>
/// Page-aligned memory outside the managed heap: the GC never moves it, so the kernel can read and write it at any time.
/// Owned by one <see cref="RequestSlot"/>, which frees it.
/// </summary>
internal sealed unsafe class NativeBuffer : MemoryManager<byte>
{
    private const nuint AlignmentBytes = 4096;

    /// <summary>
    /// What the most requests need. It is in memory from the beginning: a request whose frame the kernel is copying when this process is killed fails with EIO where a page is missing
    /// (fs/fuse/dev.c, fuse_dev_do_read; mm/gup.c, which brings no page to who is being killed), and nobody sends it again to who takes the mount over.
    /// </summary>
    private const int PresentBytes = 16 << 10;

    private byte* _start;

    public NativeBuffer(int lengthBytes)
    {
        _start = (byte*)NativeMemory.AlignedAlloc((nuint)lengthBytes, AlignmentBytes);
        LengthBytes = lengthBytes;
        new Span<byte>(_start, Math.Min(lengthBytes, PresentBytes)).Clear();
    }

    public int LengthBytes { get; }

    public byte* Start => _start;

    public override Span<byte> GetSpan()
    {
        ObjectDisposedException.ThrowIf(_start == null, this);
        return new Span<byte>(_start, LengthBytes);
    }

    public override MemoryHandle Pin(int elementIndex = 0)
    {
        ObjectDisposedException.ThrowIf(_start == null, this);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)elementIndex, (uint)LengthBytes, nameof(elementIndex));
        return new MemoryHandle(_start + elementIndex);
    }

    public override void Unpin()
    {
    }

    /// <summary>Gives the memory back. No <see cref="Memory{T}"/> of it may be in use any more.</summary>
    public void Free() => Dispose(disposing: true);

    protected override void Dispose(bool disposing)
    {
        NativeMemory.AlignedFree(_start);
        _start = null;
    }
}
