using System.Buffers.Binary;
using System.Text;
using Afs.Fuse.Abi;

namespace Afs.Fuse.Tests.Support;

/// <summary>Builds frames field by field, from the kernel's header file and not from the library's structures.</summary>
internal sealed class FrameBuilder
{
    private readonly List<byte> _bytes = [];

    public static FrameBuilder New() => new();

    public FrameBuilder U16(ushort value)
    {
        Span<byte> bytes = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, value);
        _bytes.AddRange(bytes);
        return this;
    }

    public FrameBuilder U32(uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        _bytes.AddRange(bytes);
        return this;
    }

    public FrameBuilder U64(ulong value)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        _bytes.AddRange(bytes);
        return this;
    }

    public FrameBuilder Raw(string text)
    {
        _bytes.AddRange(Encoding.UTF8.GetBytes(text));
        return this;
    }

    /// <summary>A text and the NUL that ends it.</summary>
    public FrameBuilder Name(string text) => Raw(text + "\0");

    public FrameBuilder Zeros(int count)
    {
        _bytes.AddRange(new byte[count]);
        return this;
    }

    public byte[] Bytes() => [.. _bytes];

    /// <summary>A request of user 1000, group 1001, process 77.</summary>
    public byte[] Request(FuseOpcode opcode, ulong unique = 42, ulong node = 5) => Request(opcode, Bytes(), unique, node);

    public static byte[] Request(FuseOpcode opcode, byte[] body, ulong unique, ulong node, uint thread = 77) =>
        [.. New().U32((uint)(40 + body.Length)).U32((uint)opcode).U64(unique).U64(node).U32(1000).U32(1001).U32(thread).U32(0).Bytes(), .. body];
}
