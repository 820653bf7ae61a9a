using System.Buffers.Binary;
using Afs.Fuse;
using Afs.Fuse.Abi;
using Afs.Fuse.Session;
using BenchmarkDotNet.Attributes;
using Microsoft.Win32.SafeHandles;

namespace Afs.Bench.Micro;

/// <summary>
/// A request that is answered from memory: from the frame to the reply that is written, on one thread, as a session's reader does it. The reply goes to
/// /dev/null, which costs a system call and nothing else.
/// </summary>
public class FuseDispatchBenchmarks
{
    private const int Requests = 64;
    private const int MostPayloadBytes = 128 * 1024;

    private readonly byte[] _lookup = Frame(FuseOpcode.Lookup, "source-file-00001.c\0"u8.ToArray());
    private readonly byte[] _getAttributes = Frame(FuseOpcode.GetAttr, new byte[16]);
    private readonly byte[] _open = Frame(FuseOpcode.Open, new byte[8]);
    private readonly byte[] _read = Frame(FuseOpcode.Read, [.. new byte[17], 16, .. new byte[22]]); // 4096 bytes.
    private readonly byte[] _release = Frame(FuseOpcode.Release, new byte[24]);
    private readonly byte[] _forget = Frame(FuseOpcode.Forget, [1, .. new byte[7]]);
    private readonly RequestSlot _slot = new(MostPayloadBytes);
    private readonly SafeFileHandle _null = File.OpenHandle("/dev/null", FileMode.Open, FileAccess.ReadWrite);
    private readonly RequestDispatcher _dispatcher;

    public FuseDispatchBenchmarks()
    {
        var device = new FuseDevice(_null);
        var table = new InFlightTable();
        var gate = new PendingGate(16);
        var pool = new SlotPool(MostPayloadBytes, 1);
        var responder = new Responder(device, new MemoryFileSystem(), table, gate, pool, new TextWriterFuseLog(Console.Error));
        var interruptions = new Interruptions(table, new ReaderTeam(device, gate, 1, Timeout.InfiniteTimeSpan), responder, pool);
        _dispatcher = new RequestDispatcher(responder, table, interruptions, new FuseConnectionInfo
        {
            Major = 7,
            Minor = 45,
            Flags = (ulong)FuseInitFlags.SetXattrExtended,
            MaxWriteBytes = MostPayloadBytes,
            Passthrough = false,
            HasEpoch = true,
            HasResend = true,
        });
    }

    [Benchmark(OperationsPerInvoke = Requests)]
    public void Lookup() => Serve(_lookup);

    [Benchmark(OperationsPerInvoke = Requests)]
    public void GetAttributes() => Serve(_getAttributes);

    [Benchmark(OperationsPerInvoke = Requests)]
    public void Open() => Serve(_open);

    [Benchmark(OperationsPerInvoke = Requests)]
    public void Read() => Serve(_read);

    /// <summary>As they come: the processor can't foresee the next one.</summary>
    [Benchmark(OperationsPerInvoke = Requests * 6)]
    public void Mixed()
    {
        for (int i = 0; i < Requests; i++)
        {
            Serve1(_lookup);
            Serve1(_getAttributes);
            Serve1(_open);
            Serve1(_read);
            Serve1(_release);
            Serve1(_forget);
        }
    }

    private void Serve(byte[] frame)
    {
        for (int i = 0; i < Requests; i++)
            Serve1(frame);
    }

    private void Serve1(byte[] frame)
    {
        frame.CopyTo(_slot.FrameRoom);
        _slot.Begin(frame.Length);
        if (!_dispatcher.Accept(_slot) && !_dispatcher.Work(_slot))
            throw new InvalidOperationException("Nothing waits here.");
    }

    private static byte[] Frame(FuseOpcode opcode, byte[] body)
    {
        byte[] frame = new byte[FuseInHeader.SizeBytes + body.Length];
        BinaryPrimitives.WriteInt32LittleEndian(frame, frame.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(frame.AsSpan(4), (uint)opcode);
        BinaryPrimitives.WriteUInt64LittleEndian(frame.AsSpan(8), 42);
        BinaryPrimitives.WriteUInt64LittleEndian(frame.AsSpan(16), 1);
        body.CopyTo(frame, FuseInHeader.SizeBytes);
        return frame;
    }

    /// <summary>Answers at once, with what it has.</summary>
    private sealed class MemoryFileSystem : FuseFileSystem
    {
        public override ValueTask<FuseResult<EntryReply>> Lookup(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name) =>
            new(new EntryReply { Node = new NodeId(77), EntryTimeout = TimeSpan.FromHours(1), AttributeTimeout = TimeSpan.FromHours(1) });

        public override ValueTask<FuseResult<AttributesReply>> GetAttributes(in FuseRequest request, NodeId node, FileHandle? handle) =>
            new(new AttributesReply { AttributeTimeout = TimeSpan.FromHours(1) });

        public override ValueTask<FuseResult<OpenReply>> Open(in FuseRequest request, NodeId node, int openFlags, bool killSuidGid) =>
            new(new OpenReply { Handle = new FileHandle(9) });

        public override ValueTask<FuseResult<int>> Read(in FuseRequest request, NodeId node, FileHandle handle, long offset, Memory<byte> destination) =>
            new(destination.Length);
    }
}
