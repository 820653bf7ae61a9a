using Afs.Platform;
using Microsoft.Win32.SafeHandles;

namespace Afs.Vice.Volumes.Content;

/// <summary>Bytes of the metadata, read as if they were a file of the content store.</summary>
internal sealed class BytesFile(byte[] bytes) : IDiskFile
{
    public long LengthBytes => bytes.Length;

    public SafeFileHandle? Handle => null;

    public int Read(long offset, Span<byte> destination)
    {
        int count = (int)Math.Clamp(bytes.Length - offset, 0, destination.Length);
        bytes.AsSpan((int)Math.Min(offset, bytes.Length), count).CopyTo(destination);
        return count;
    }

    public void Write(long offset, ReadOnlySpan<byte> data) => throw Immutable();

    public void SetLength(long lengthBytes) => throw Immutable();

    public void Sync() => throw Immutable();

    public void Dispose()
    {
    }

    private static InvalidOperationException Immutable() => new("A content never changes.");
}
