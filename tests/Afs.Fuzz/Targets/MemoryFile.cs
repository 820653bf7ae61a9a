using Afs.Platform;
using Microsoft.Win32.SafeHandles;

namespace Afs.Fuzz;

/// <summary>A file of these bytes and, up to its length, zeros.</summary>
internal sealed class MemoryFile(byte[] bytes, long lengthBytes) : IDiskFile
{
    private byte[] _bytes = bytes;

    public MemoryFile(byte[] bytes)
        : this(bytes, bytes.Length)
    {
    }

    public long LengthBytes { get; private set; } = lengthBytes;

    public SafeFileHandle? Handle => null;

    public int Read(long offset, Span<byte> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        int count = (int)Math.Clamp(LengthBytes - offset, 0, destination.Length);
        destination[..count].Clear();
        if (offset < _bytes.Length)
            _bytes.AsSpan((int)offset, Math.Min(count, _bytes.Length - (int)offset)).CopyTo(destination);
        return count;
    }

    public void Write(long offset, ReadOnlySpan<byte> data)
    {
        if (_bytes.Length < offset + data.Length)
            Array.Resize(ref _bytes, (int)offset + data.Length);
        data.CopyTo(_bytes.AsSpan((int)offset));
        LengthBytes = Math.Max(LengthBytes, offset + data.Length);
    }

    public void SetLength(long lengthBytes)
    {
        if (lengthBytes < _bytes.Length)
            Array.Resize(ref _bytes, (int)lengthBytes);
        LengthBytes = lengthBytes;
    }

    public void Sync()
    {
    }

    public void CheckWritten()
    {
    }

    public void Dispose()
    {
    }
}
