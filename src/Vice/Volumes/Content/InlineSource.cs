using Afs.Rpc;

namespace Afs.Vice.Volumes.Content;

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
