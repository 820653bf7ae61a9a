using System.Buffers;
using System.Runtime.InteropServices;

namespace Afs.Fuse.Session;

/// <summary>
/// Page-aligned memory outside the managed heap, which the kernel reads and writes while the GC moves what it likes.
/// Owned by one <see cref="RequestSlot"/>, which frees it.
/// </summary>
internal sealed unsafe class NativeBuffer : MemoryManager<byte>
{
    private const nuint AlignmentBytes = 4096;

    private byte* _start;

    public NativeBuffer(int lengthBytes)
    {
        _start = (byte*)NativeMemory.AlignedAlloc((nuint)lengthBytes, AlignmentBytes);
        LengthBytes = lengthBytes;
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
