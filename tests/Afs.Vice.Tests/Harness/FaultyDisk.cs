using Afs.Platform;
using Microsoft.Win32.SafeHandles;

namespace Afs.Vice.Tests.Harness;

/// <summary>A disk whose writes and syncs fail on demand.</summary>
public sealed class FaultyDisk(IDisk disk) : IDisk
{
    /// <summary>Null: all is well.</summary>
    public DiskFailure? WriteFailure { get; set; }

    public DiskFailure? SyncFailure { get; set; }

    public DiskFailure? WritebackFailure { get; set; }

    /// <summary>Bytes that were begun to be written back before any sync.</summary>
    public long EarlyBytes { get; private set; }

    public DiskSpace? Space { get; set; }

    public IDiskFile Open(string name, DiskOpenMode mode) => new FaultyFile(this, disk.Open(name, mode));

    public bool Exists(string name) => disk.Exists(name);

    public void Rename(string from, string to) => disk.Rename(from, to);

    public bool Delete(string name) => disk.Delete(name);

    public void CreateDirectory(string name) => disk.CreateDirectory(name);

    public IEnumerable<string> List(string directory) => disk.List(directory);

    public void SyncDirectory(string directory) => disk.SyncDirectory(directory);

    public DiskSpace GetSpace() => Space ?? disk.GetSpace();

    private static void Fail(DiskFailure? failure)
    {
        if (failure is { } f)
            throw new DiskException(f, "A planned failure.");
    }

    private sealed class FaultyFile(FaultyDisk owner, IDiskFile file) : IDiskFile
    {
        public long LengthBytes => file.LengthBytes;

        public SafeFileHandle? Handle => file.Handle;

        public int Read(long offset, Span<byte> destination) => file.Read(offset, destination);

        public void Write(long offset, ReadOnlySpan<byte> data)
        {
            Fail(owner.WriteFailure);
            file.Write(offset, data);
        }

        public void SetLength(long lengthBytes) => file.SetLength(lengthBytes);

        public DataRun NextData(long offset) => file.NextData(offset);

        public void BeginWriteback(long offset, long countBytes)
        {
            Fail(owner.WritebackFailure);
            owner.EarlyBytes += countBytes;
            file.BeginWriteback(offset, countBytes);
        }

        public void Sync()
        {
            Fail(owner.SyncFailure);
            file.Sync();
        }

        public void Dispose() => file.Dispose();
    }
}
