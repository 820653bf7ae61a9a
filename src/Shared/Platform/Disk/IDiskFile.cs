using Microsoft.Win32.SafeHandles;

namespace Afs.Platform;

/// <summary>An open file. Safe for concurrent reads and writes at different offsets.</summary>
public interface IDiskFile : IDisposable
{
    long LengthBytes { get; }

    /// <summary>Reads until the buffer is full or the file ends; the count.</summary>
    int Read(long offset, Span<byte> destination);

    void Write(long offset, ReadOnlySpan<byte> data);

    void SetLength(long lengthBytes);

    /// <summary>The content and length are on stable storage when this returns (fsync).</summary>
    void Sync();

    /// <summary>The descriptor, for passthrough and system calls; null on a disk that isn't real.</summary>
    SafeFileHandle? Handle { get; }
}
