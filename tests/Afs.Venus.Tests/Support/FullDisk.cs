using Afs.Platform;
using Microsoft.Win32.SafeHandles;

namespace Afs.Venus.Tests;

/// <summary>A disk on which, at a test's word, no byte of content fits any more.</summary>
internal sealed class FullDisk(IDisk inner) : IDisk
{
    public bool IsFull { get; set; }

    public IDiskFile Open(string name, DiskOpenMode mode) => new FullFile(this, inner.Open(name, mode));

    public bool Exists(string name) => inner.Exists(name);

    public void Rename(string from, string to) => inner.Rename(from, to);

    public bool Delete(string name) => inner.Delete(name);

    public void CreateDirectory(string name) => inner.CreateDirectory(name);

    public IEnumerable<string> List(string directory) => inner.List(directory);

    public void SyncDirectory(string directory) => inner.SyncDirectory(directory);

    public DiskSpace GetSpace() => inner.GetSpace();

    private sealed class FullFile(FullDisk disk, IDiskFile inner) : IDiskFile
    {
        public long LengthBytes => inner.LengthBytes;

        public SafeFileHandle? Handle => inner.Handle;

        public int Read(long offset, Span<byte> destination) => inner.Read(offset, destination);

        public void Write(long offset, ReadOnlySpan<byte> data)
        {
            if (disk.IsFull)
                throw new DiskException(DiskFailure.NoSpace, "No space left on device");
            inner.Write(offset, data);
        }

        public void SetLength(long lengthBytes) => inner.SetLength(lengthBytes);

        public void Sync() => inner.Sync();

        public void Dispose() => inner.Dispose();
    }
}
