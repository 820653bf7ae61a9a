using System.Buffers.Binary;
using System.Text;
using Afs.Fuse;
using Afs.Fuse.Abi;
using Afs.Fuse.Protocol;
using BenchmarkDotNet.Attributes;

namespace Afs.Bench.Micro;

/// <summary>The kernel's requests, from bytes to values, and the reply that goes back most often.</summary>
public class FuseParseBenchmarks
{
    private const int ReplyRoomBytes = 1 << 20;

    /// <summary>One request takes less than what the framework around it can tell apart.</summary>
    private const int Count = 64;

    private readonly byte[][] _lookups = [.. Enumerable.Range(0, Count).Select(
        i => Frame(FuseOpcode.Lookup, Encoding.UTF8.GetBytes($"source-file-{i:D5}.c\0")))];

    private readonly byte[][] _reads = [.. Enumerable.Range(0, Count).Select(i => Frame(FuseOpcode.Read, ReadBody(i)))];
    private readonly byte[] _reply = new byte[256];
    private readonly EntryReply _entry = new()
    {
        Node = new NodeId(77),
        EntryTimeout = TimeSpan.FromHours(1),
        AttributeTimeout = TimeSpan.FromHours(1),
    };

    [Benchmark(OperationsPerInvoke = Count)]
    public int ParseLookup()
    {
        int sum = 0;
        foreach (byte[] frame in _lookups)
        {
            bool isWhole = FrameReader.TryOpen(frame, out _, out ReadOnlySpan<byte> body);
            var reader = new FrameReader(body);
            sum += Requests.Name(ref reader).Length;
            if (!isWhole || reader.Error != Errno.None)
                throw new InvalidOperationException("The sample is malformed.");
        }
        return sum;
    }

    [Benchmark(OperationsPerInvoke = Count)]
    public ulong ParseRead()
    {
        ulong sum = 0;
        foreach (byte[] frame in _reads)
        {
            bool isWhole = FrameReader.TryOpen(frame, out _, out ReadOnlySpan<byte> body);
            var reader = new FrameReader(body, ReplyRoomBytes);
            FuseReadIn request = Requests.Read(ref reader);
            if (!isWhole || reader.Error != Errno.None)
                throw new InvalidOperationException("The sample is malformed.");
            sum += request.Offset + request.SizeBytes;
        }
        return sum;
    }

    [Benchmark(OperationsPerInvoke = Count)]
    public int WriteEntryReply()
    {
        int sum = 0;
        for (int i = 0; i < Count; i++)
            sum += ReplyWriter.Entry(_reply, _entry);
        return sum;
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

    /// <summary>struct fuse_read_in: handle, offset, size, and flags that are zero (include/uapi/linux/fuse.h).</summary>
    private static byte[] ReadBody(int page)
    {
        byte[] body = new byte[40];
        BinaryPrimitives.WriteUInt64LittleEndian(body.AsSpan(8), (ulong)page * 4096);
        BinaryPrimitives.WriteUInt32LittleEndian(body.AsSpan(16), 128 * 1024);
        return body;
    }
}
