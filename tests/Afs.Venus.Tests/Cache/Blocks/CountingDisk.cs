using Afs.Platform;

namespace Afs.Venus.Tests;

/// <summary>Counts the bytes that are read from container files.</summary>
internal sealed class CountingDisk(IDisk inner) : PassingDisk(inner)
{
    private long _bytesRead;

    public long BytesRead => Volatile.Read(ref _bytesRead);

    protected override IDiskFile Between(IDiskFile file) => new CountingFile(this, file);

    private sealed class CountingFile(CountingDisk disk, IDiskFile inner) : PassingFile(inner)
    {
        public override int Read(long offset, Span<byte> destination)
        {
            Interlocked.Add(ref disk._bytesRead, destination.Length);
            return base.Read(offset, destination);
        }
    }
}
