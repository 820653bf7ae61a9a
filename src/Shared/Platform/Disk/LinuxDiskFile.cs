using Microsoft.Win32.SafeHandles;

namespace Afs.Platform;

internal sealed class LinuxDiskFile(string name, SafeFileHandle handle) : IDiskFile
{
    public SafeFileHandle Handle => handle;

    public long LengthBytes => RandomAccess.GetLength(handle);

    public int Read(long offset, Span<byte> destination)
    {
        int total = 0;
        try
        {
            while (total < destination.Length)
            {
                int count = RandomAccess.Read(handle, destination[total..], offset + total);
                if (count == 0)
                    break;
                total += count;
            }
        }
        catch (IOException e)
        {
            throw DiskErrors.From(name, e);
        }
        return total;
    }

    public void Write(long offset, ReadOnlySpan<byte> data)
    {
        try
        {
            RandomAccess.Write(handle, data, offset);
        }
        catch (IOException e)
        {
            throw DiskErrors.From(name, e);
        }
    }

    public void SetLength(long lengthBytes) => DiskErrors.Translate(name, () => RandomAccess.SetLength(handle, lengthBytes));

    public DataRun NextData(long offset) => FileExtents.NextData(name, handle, offset, LengthBytes);

    public void CopyFrom(IDiskFile source, long offset, long countBytes)
    {
        long copied = source.Handle is { } from ? FileExtents.Copy(name, from, handle, offset, countBytes) : 0;
        if (copied < countBytes)
            PlainCopy.Run(source, this, offset + copied, countBytes - copied);
    }

    public void BeginWriteback(long offset, long countBytes) => FileExtents.BeginWriteback(name, handle, offset, countBytes);

    public void Sync() => DiskErrors.Translate(name, () => RandomAccess.FlushToDisk(handle));

    public void Dispose() => handle.Dispose();
}
