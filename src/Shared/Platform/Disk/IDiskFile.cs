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

    /// <summary>The next bytes at or behind an offset that aren't a hole; empty at the end where there are none. A disk without holes has data everywhere.</summary>
    DataRun NextData(long offset) => new(Math.Min(offset, LengthBytes), LengthBytes);

    /// <summary>Copies bytes of another file to the same offset; shares their blocks where the disk can (copy_file_range). Holes become zeros.</summary>
    void CopyFrom(IDiskFile source, long offset, long countBytes) => PlainCopy.Run(source, this, offset, countBytes);

    /// <summary>
    /// Begins to write this range to the disk, so that a later <see cref="Sync"/> finds little left (sync_file_range(2)). It promises nothing. May take as
    /// long as the disk's queue is full.
    /// </summary>
    void BeginWriteback(long offset, long countBytes)
    {
    }

    /// <summary>The content and length are on stable storage when this returns (fsync).</summary>
    void Sync();

    /// <summary>The descriptor, for passthrough and system calls; null on a disk that isn't real.</summary>
    SafeFileHandle? Handle { get; }
}
