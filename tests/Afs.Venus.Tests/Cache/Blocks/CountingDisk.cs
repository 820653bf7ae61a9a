using Afs.Platform;
using Microsoft.Win32.SafeHandles;

namespace Afs.Venus.Tests;

/// <summary>Counts the bytes that are read from container files.</summary>
internal sealed class CountingDisk(IDisk inner) : IDisk
{
    private long _bytesRead;

    public long BytesRead => Volatile.Read(ref _bytesRead);

    public IDiskFile Open(string name, DiskOpenMode mode) => new CountingFile(this, inner.Open(name, mode));

    public bool Exists(string name) => inner.Exists(name);

    public void Rename(string from, string to) => inner.Rename(from, to);

    public bool Delete(string name) => inner.Delete(name);

    public void CreateDirectory(string name) => inner.CreateDirectory(name);

    public IEnumerable<string> List(string directory) => inner.List(directory);

    public void SyncDirectory(string directory) => inner.SyncDirectory(directory);

    public DiskSpace GetSpace() => inner.GetSpace();

    private sealed class CountingFile(CountingDisk disk, IDiskFile inner) : IDiskFile
    {
        public long LengthBytes => inner.LengthBytes;

        public SafeFileHandle? Handle => inner.Handle;

        public int Read(long offset, Span<byte> destination)
        {
            Interlocked.Add(ref disk._bytesRead, destination.Length);
            return inner.Read(offset, destination);
        }

        public void Write(long offset, ReadOnlySpan<byte> data) => inner.Write(offset, data);

        public void SetLength(long lengthBytes) => inner.SetLength(lengthBytes);

        public void Sync() => inner.Sync();

        public void Dispose() => inner.Dispose();
    }
}
