using System.IO.Pipes;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Afs.Fuse;
using Afs.Fuse.Abi;
using Afs.Fuse.Protocol;
using Afs.Fuse.Session;
using Afs.Fuse.Tests.Support;
using Microsoft.Win32.SafeHandles;

namespace Afs.Fuzz;

/// <summary>
/// Frames as the kernel sends them, through the dispatcher of a session to a filesystem that checks what it is asked, and the replies that become of its answers.
/// The first byte is for the dispatcher: whether SETXATTR has its long form.
/// </summary>
internal sealed class FuseTarget : Target, IFuseLog
{
    /// <summary>A session's smallest.</summary>
    private const int MostPayloadBytes = FuseProtocol.DefaultMaxPages * FuseProtocol.PageBytes;

    private const int MostErrno = 4096;

    /// <summary>In the place of /dev/fuse: what is written to one end is read at the other.</summary>
    private readonly AnonymousPipeServerStream _pipe;
    private readonly FuseDevice _ours, _kernels;
    private readonly EchoFileSystem _fileSystem = new();
    private readonly RequestDispatcher[] _dispatchers;
    private readonly RequestSlot _slot = new(MostPayloadBytes);
    private readonly byte[] _reply = new byte[MostPayloadBytes + 4096];
    private Exception? _failure;

    public FuseTarget()
    {
        _pipe = new AnonymousPipeServerStream(PipeDirection.In, HandleInheritability.None, MostPayloadBytes * 2);
        _kernels = new FuseDevice(new SafeFileHandle(_pipe.SafePipeHandle.DangerousGetHandle(), ownsHandle: false));
        _ours = new FuseDevice(new SafeFileHandle(_pipe.ClientSafePipeHandle.DangerousGetHandle(), ownsHandle: false));
        var table = new InFlightTable();
        var gate = new PendingGate(16);
        var pool = new SlotPool(MostPayloadBytes, 1);
        var responder = new Responder(_ours, _fileSystem, table, gate, pool, this);
        var interruptions = new Interruptions(table, new ReaderTeam(_ours, gate, 1, Timeout.InfiniteTimeSpan), responder, pool);
        _dispatchers = [.. ((FuseInitFlags[])[0, FuseInitFlags.SetXattrExtended]).Select(flags => new RequestDispatcher(responder, table, interruptions, Connection((ulong)flags)))];
    }

    public override string Name => "fuse-requests";

    public override string About => "requests of the kernel, and the replies to them";

    public override int MostBytes => 8192;

    public override long ShortExecutions => 100_000;

    public override IReadOnlyList<byte[]> Words => ["name\0"u8.ToArray(), "..\0"u8.ToArray(), "a/b\0"u8.ToArray(), [0], .. Enum.GetValues<FuseOpcode>().Select(opcode => BitConverter.GetBytes((uint)opcode))];

    public override IEnumerable<byte[]> Seeds() =>
        GoldenRequests.All.Values.SelectMany(request => (byte[][])[[0, .. FrameBuilder.Request(request.Opcode, request.Body, 42, 5)], [1, .. FrameBuilder.Request(request.Opcode, request.Body, 42, 6)]]);

    public override bool Run(ReadOnlySpan<byte> input)
    {
        if (input.IsEmpty)
            return false;
        ReadOnlySpan<byte> frame = input[1..];
        bool isWhole = FrameReader.TryOpen(frame, out FuseInHeader header, out ReadOnlySpan<byte> body);
        FuseOpcode opcode = header.Opcode;
        var reader = new FrameReader(body);
        // What an INTERRUPT is about is asked of /proc, and answered later.
        if (opcode == FuseOpcode.Interrupt)
            return isWhole && body.Length >= sizeof(ulong);
        if (opcode == FuseOpcode.Init && isWhole && Requests.Init(ref reader) is var offer && reader.Error == Errno.None)
            HoldsOfInit(offer);
        (_failure, _fileSystem.Malformed) = (null, null);
        frame.CopyTo(_slot.FrameRoom);
        RequestDispatcher dispatcher = _dispatchers[input[0] & 1];
        _slot.Begin(frame.Length);
        bool isOver = dispatcher.Accept(_slot) || dispatcher.Work(_slot);
        Holds(isOver, "What is answered at once is over.");
        if (_failure is { } failure)
            ExceptionDispatchInfo.Throw(failure);
        Holds(_fileSystem.Malformed is null, _fileSystem.Malformed ?? "");
        return HoldsOfReply(frame, opcode) == Errno.None;
    }

    public void OperationFailed(FuseOpcode operation, NodeId node, RequestId request, Exception exception) => _failure = exception;

    public void RequestMalformed(FuseOpcode operation, NodeId node, RequestId request, int frameBytes)
    {
    }

    public void ReplyRejected(FuseOpcode operation, NodeId node, RequestId request, Errno error) => _failure = new BrokenPropertyException($"A reply to {operation} wasn't written: {error}.");

    public void DeviceFailed(Errno error) => _failure = new BrokenPropertyException($"The device failed: {error}.");

    /// <summary>One reply where one is due, of the length that it says, for the request; its errno.</summary>
    private Errno HoldsOfReply(ReadOnlySpan<byte> frame, FuseOpcode opcode)
    {
        if (!_kernels.HasRequest())
        {
            Holds(frame.Length < FuseInHeader.SizeBytes || opcode is FuseOpcode.Forget or FuseOpcode.BatchForget or FuseOpcode.NotifyReply || MemoryMarshal.Read<FuseInHeader>(frame).Id.Value == 0, $"A {opcode} is answered.");
            return Errno.None;
        }
        Holds(_kernels.Read(_reply, out int count) == Errno.None && count >= FuseOutHeader.SizeBytes, "A reply has a header.");
        var header = MemoryMarshal.Read<FuseOutHeader>(_reply);
        Holds(header.LengthBytes == count, "A reply has the length that it says.");
        Holds(header.Id == MemoryMarshal.Read<FuseInHeader>(frame).Id, "A reply is to its request.");
        Holds(header.Error is <= 0 and > -MostErrno && (header.Error == 0 || count == FuseOutHeader.SizeBytes), "A refusal is an errno and nothing else.");
        Holds(!_kernels.HasRequest(), "There is one reply.");
        if (header.Error == 0 && opcode == FuseOpcode.ReadDirPlus)
        {
            var entries = new DirectoryEntryReader(_reply.AsSpan(FuseOutHeader.SizeBytes, count - FuseOutHeader.SizeBytes));
            int nodes = 0;
            while (entries.TryNext(out _))
                nodes++;
            Holds(nodes == _fileSystem.NodesGiven, "The nodes of a directory's entries are those that were given.");
        }
        return (Errno)(-header.Error);
    }

    private static void HoldsOfInit(in InitRequest offer)
    {
        var options = new FuseMountOptions { Source = "s", SubType = "t", Passthrough = true, PosixAccessLists = true, RemoteLocks = true };
        if (InitNegotiation.Negotiate(offer, options, out FuseInitOut reply, out FuseInitFlags flags, out int maxWriteBytes) != Errno.None)
            return;
        Holds((flags & ~offer.Flags) == 0, "Nothing is agreed that wasn't offered.");
        Holds(maxWriteBytes is >= 4096 and <= 1 << 20 && reply.Minor <= FuseProtocol.Minor, "What is agreed is within what this library can do.");
    }

    private static FuseConnectionInfo Connection(ulong flags) =>
        new() { Major = 7, Minor = 45, Flags = flags, MaxWriteBytes = MostPayloadBytes, Passthrough = false, HasEpoch = true, HasExpireOnly = true, HasResend = true };
}
