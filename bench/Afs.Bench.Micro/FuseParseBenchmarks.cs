using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Afs.Fuse;
using Afs.Fuse.Abi;
using Afs.Fuse.Protocol;
using BenchmarkDotNet.Attributes;

namespace Afs.Bench.Micro;

/// <summary>The kernel's requests, from bytes to values, and the reply that goes back most often.</summary>
public class FuseParseBenchmarks
{
    private const int ReplyRoomBytes = 1 << 20;

    private readonly byte[] _lookup = Frame(FuseOpcode.Lookup, [.. "source-file-00042.c\0"u8]);
    private readonly byte[] _read = Frame(FuseOpcode.Read, ReadBody());
    private readonly byte[] _reply = new byte[256];
    private readonly EntryReply _entry = new()
    {
        Node = new NodeId(77),
        EntryTimeout = TimeSpan.FromHours(1),
        AttributeTimeout = TimeSpan.FromHours(1),
    };

    [Benchmark, MethodImpl(MethodImplOptions.NoInlining)]
    public int ParseLookup()
    {
        RequestHeader.TryParse(_lookup, out _, out ReadOnlySpan<byte> body);
        NameRequest.Parse(body, out NameRequest request);
        return request.Name.Length;
    }

    [Benchmark, MethodImpl(MethodImplOptions.NoInlining)]
    public ulong ParseRead()
    {
        RequestHeader.TryParse(_read, out _, out ReadOnlySpan<byte> body);
        ReadRequest.Parse(body, ReplyRoomBytes, out ReadRequest request);
        return request.Handle.Value + request.Offset + (ulong)request.SizeBytes;
    }

    [Benchmark, MethodImpl(MethodImplOptions.NoInlining)]
    public int WriteEntryReply() => ReplyWriter.Entry(_reply, _entry);

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
    private static byte[] ReadBody()
    {
        byte[] body = new byte[40];
        BinaryPrimitives.WriteUInt64LittleEndian(body.AsSpan(8), 4096);
        BinaryPrimitives.WriteUInt32LittleEndian(body.AsSpan(16), 128 * 1024);
        return body;
    }
}
