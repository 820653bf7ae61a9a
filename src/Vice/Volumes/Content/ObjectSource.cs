using Afs.Platform;
using Afs.Rpc;

namespace Afs.Vice.Volumes.Content;

/// <summary>A download of a piece of a content. It reads on when the content is deleted meanwhile.</summary>
internal sealed class ObjectSource(IDiskFile file, long firstByte, long lengthBytes) : IBulkSource
{
    public long LengthBytes => lengthBytes;

    public ValueTask<int> ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellation)
    {
        int most = (int)Math.Clamp(lengthBytes - offset, 0, destination.Length);
        return ValueTask.FromResult(file.Read(firstByte + offset, destination.Span[..most]));
    }

    public ValueTask DisposeAsync()
    {
        file.Dispose();
        return ValueTask.CompletedTask;
    }
}
