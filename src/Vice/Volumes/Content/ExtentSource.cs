using Afs.Platform;
using Afs.Rpc;
using Afs.Wire;

namespace Afs.Vice.Volumes.Content;

/// <summary>A download of extents of a content, one after the other, read in order. It reads on when the content is deleted meanwhile.</summary>
/// <param name="work">Where its reads wait for the disk, and its end: what closes a deleted content frees its room.</param>
internal sealed class ExtentSource(IDiskFile file, IReadOnlyList<Extent> extents, IBlockingWork work) : IBulkSource
{
    private readonly ExtentCursor _cursor = new(extents);

    public long LengthBytes { get; } = extents.Sum(static e => e.LengthBytes);

    public async ValueTask<int> ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellation) =>
        await work.RunAsync(() => Read(offset, destination.Span));

    public async ValueTask DisposeAsync() => await work.CloseAsync(file);

    private int Read(long offset, Span<byte> destination)
    {
        if (offset != _cursor.Passed)
            throw new InvalidOperationException($"Read at {offset} where {_cursor.Passed} was expected.");
        int done = 0;
        while (done < destination.Length && !_cursor.IsAtEnd)
        {
            int wanted = (int)Math.Min(_cursor.Left, destination.Length - done);
            int count = file.Read(_cursor.Offset, destination.Slice(done, wanted));
            if (count != wanted)
                throw new EndOfStreamException($"A content ends at {_cursor.Offset + count}.");
            _cursor.Advance(count);
            done += count;
        }
        return done;
    }
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

/// <summary>A download of a piece of a content. It reads on when the content is deleted meanwhile.</summary>
/// <param name="work">As of <see cref="ExtentSource"/>.</param>
internal sealed class ObjectSource(IDiskFile file, long firstByte, long lengthBytes, IBlockingWork work) : IBulkSource
{
    public long LengthBytes => lengthBytes;

    public async ValueTask<int> ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellation)
    {
        int most = (int)Math.Clamp(lengthBytes - offset, 0, destination.Length);
        return await work.RunAsync(() => file.Read(firstByte + offset, destination.Span[..most]));
    }

    public async ValueTask DisposeAsync() => await work.CloseAsync(file);
}

/// <summary>Content files, on the threads that wait for the disk.</summary>
internal static class ContentWork
{
    public static Task CloseAsync(this IBlockingWork work, IDiskFile file) => work.RunAsync(() =>
    {
        file.Dispose();
        return true;
    });
}
