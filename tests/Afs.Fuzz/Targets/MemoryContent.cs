using Afs.Platform;
using Afs.Vice.Volumes.Content;

namespace Afs.Fuzz;

/// <summary>A content of these bytes and, up to its length, zeros. Nothing waits.</summary>
internal sealed class MemoryContent(byte[] bytes, long lengthBytes) : IContent
{
    public MemoryContent(byte[] bytes)
        : this(bytes, bytes.Length)
    {
    }

    public long LengthBytes => lengthBytes;

    public ValueTask ReadAsync(ReadOnlyMemory<ContentRange> ranges, CancellationToken cancellation)
    {
        foreach ((long offset, Memory<byte> destination) in ranges.Span)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(offset);
            if (offset + destination.Length > lengthBytes)
                throw new DiskException(DiskFailure.Failed, $"The content ends at {lengthBytes}.");
            destination.Span.Clear();
            if (offset < bytes.Length)
                bytes.AsSpan((int)offset, (int)Math.Min(destination.Length, bytes.Length - offset)).CopyTo(destination.Span);
        }
        return ValueTask.CompletedTask;
    }

    public ValueTask<IReadOnlyList<DataRun>> FindDataAsync(long offset, int most, CancellationToken cancellation) =>
        ValueTask.FromResult<IReadOnlyList<DataRun>>(offset < lengthBytes ? [new DataRun(offset, lengthBytes)] : []);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

/// <summary>Calls of contents in memory, which have their result when they return.</summary>
internal static class Finished
{
    public static T Now<T>(this ValueTask<T> call) => call.IsCompleted ? call.GetAwaiter().GetResult() : throw new InvalidOperationException("It waits.");

    public static void Now(this ValueTask call)
    {
        if (!call.IsCompleted)
            throw new InvalidOperationException("It waits.");
        call.GetAwaiter().GetResult();
    }
}
