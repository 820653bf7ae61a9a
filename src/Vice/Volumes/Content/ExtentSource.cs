using Afs.Rpc;
using Afs.Wire;

namespace Afs.Vice.Volumes.Content;

/// <summary>A download of extents of a content, one after the other, read in order. It reads on when the content is deleted meanwhile. Owns the content.</summary>
internal sealed class ExtentSource(IContent content, IReadOnlyList<Extent> extents) : IBulkSource
{
    private readonly ExtentCursor _cursor = new(extents);
    private readonly List<ContentRange> _ranges = [];

    public long LengthBytes { get; } = extents.Sum(static e => e.LengthBytes);

    public async ValueTask<int> ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellation)
    {
        if (offset != _cursor.Passed)
            throw new InvalidOperationException($"Read at {offset} where {_cursor.Passed} was expected.");
        _ranges.Clear();
        int done = 0;
        while (done < destination.Length && !_cursor.IsAtEnd)
        {
            int count = (int)Math.Min(_cursor.Left, destination.Length - done);
            _ranges.Add(new ContentRange(_cursor.Offset, destination.Slice(done, count)));
            _cursor.Advance(count);
            done += count;
        }
        await content.ReadAsync(_ranges.ToArray(), CancellationToken.None);
        return done;
    }

    public ValueTask DisposeAsync() => content.DisposeAsync();
}

/// <summary>A download from memory.</summary>
internal sealed class InlineSource(ReadOnlyMemory<byte> content) : IBulkSource
{
    public long LengthBytes => content.Length;

    public ValueTask<int> ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellation)
    {
        ReadOnlyMemory<byte> rest = content[(int)Math.Min(offset, content.Length)..];
        int count = Math.Min(rest.Length, destination.Length);
        rest[..count].CopyTo(destination);
        return ValueTask.FromResult(count);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

/// <summary>A download of a piece of a content. It reads on when the content is deleted meanwhile. Owns the content.</summary>
internal sealed class ObjectSource(IContent content, long firstByte, long lengthBytes) : IBulkSource
{
    public long LengthBytes => lengthBytes;

    public async ValueTask<int> ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellation)
    {
        int count = (int)Math.Clamp(lengthBytes - offset, 0, destination.Length);
        await content.ReadAsync(firstByte + offset, destination[..count], CancellationToken.None);
        return count;
    }

    public ValueTask DisposeAsync() => content.DisposeAsync();
}
