using Afs.Platform;
using Microsoft.Win32.SafeHandles;

namespace Afs.Tests.Common;

/// <summary>Passes everything on to another disk. What stands between a test and its disk overrides what it cares for.</summary>
public abstract class PassingDisk(IDisk inner) : IDisk
{
    public virtual IDiskFile Open(string name, DiskOpenMode mode) => Between(inner.Open(name, mode));

    public bool Exists(string name) => inner.Exists(name);

    public void Rename(string from, string to) => inner.Rename(from, to);

    public bool Delete(string name) => inner.Delete(name);

    public void CreateDirectory(string name) => inner.CreateDirectory(name);

    public IEnumerable<string> List(string directory) => inner.List(directory);

    public void SyncDirectory(string directory) => inner.SyncDirectory(directory);

    public virtual DiskSpace GetSpace() => inner.GetSpace();

    protected abstract IDiskFile Between(IDiskFile file);

    protected abstract class PassingFile(IDiskFile inner) : IDiskFile
    {
        public long LengthBytes => inner.LengthBytes;

        public SafeFileHandle? Handle => inner.Handle;

        public virtual int Read(long offset, Span<byte> destination) => inner.Read(offset, destination);

        public virtual void Write(long offset, ReadOnlySpan<byte> data) => inner.Write(offset, data);

        public virtual void SetLength(long lengthBytes) => inner.SetLength(lengthBytes);

        public DataRun NextData(long offset) => inner.NextData(offset);

        public void CopyFrom(IDiskFile source, long offset, long countBytes) => inner.CopyFrom(source, offset, countBytes);

        public virtual void CheckWritten() => inner.CheckWritten();

        public virtual void BeginWriteback(long offset, long countBytes) => inner.BeginWriteback(offset, countBytes);

        public virtual void Sync() => inner.Sync();

        public void Dispose() => inner.Dispose();
    }
}
