using Afs.Platform;
using Microsoft.Win32.SafeHandles;

namespace Afs.Venus.Cache;

/// <summary>
/// A container's file as a store reads it: each range is protected right before it is read, so that what a mapping writes behind the reader shows in the
/// file's ctime. Doing so for the whole file first would keep the store waiting for the disk. Doesn't own the file.
/// </summary>
internal sealed class ProtectedFile(IDiskFile file, IContainerFiles files) : IDiskFile
{
    public long LengthBytes => file.LengthBytes;

    public SafeFileHandle? Handle => file.Handle;

    public int Read(long offset, Span<byte> destination)
    {
        files.ProtectMapped(file, offset, destination.Length);
        return file.Read(offset, destination);
    }

    public DataRun NextData(long offset) => file.NextData(offset);

    public void Write(long offset, ReadOnlySpan<byte> data) => file.Write(offset, data);

    public void SetLength(long lengthBytes) => file.SetLength(lengthBytes);

    public void Sync() => file.Sync();

    public void Dispose()
    {
    }
}
