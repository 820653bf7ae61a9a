using Afs.Platform;
using Afs.Rpc;
using Afs.Wire;

namespace Afs.Vice.Volumes.Content;

/// <summary>A download of extents of a content, one after the other, read in order. It reads on when the content is deleted meanwhile.</summary>
internal sealed class ExtentSource(IDiskFile file, IReadOnlyList<Extent> extents) : IBulkSource
{
    private readonly ExtentCursor _cursor = new(extents);

    public long LengthBytes { get; } = extents.Sum(static e => e.LengthBytes);

    public ValueTask<int> ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellation)
    {
        if (offset != _cursor.Passed)
            throw new InvalidOperationException($"Read at {offset} where {_cursor.Passed} was expected.");
        int done = 0;
        while (done < destination.Length && !_cursor.IsAtEnd)
        {
            int wanted = (int)Math.Min(_cursor.Left, destination.Length - done);
            int count = file.Read(_cursor.Offset, destination.Span.Slice(done, wanted));
            if (count != wanted)
                throw new EndOfStreamException($"A content ends at {_cursor.Offset + count}.");
            _cursor.Advance(count);
            done += count;
        }
        return ValueTask.FromResult(done);
    }

    public ValueTask DisposeAsync()
    {
        file.Dispose();
        return ValueTask.CompletedTask;
    }
}
