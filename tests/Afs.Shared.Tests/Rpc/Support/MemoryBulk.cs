using System.Collections.Concurrent;
using Afs.Rpc;

namespace Afs.Shared.Tests.Rpc;

/// <summary>Content in memory by name: the request is a NumberMessage that names it.</summary>
public sealed class MemoryBulk : IBulkHandler
{
    public static readonly AbortCode NoSuchContent = new(404);

    public ConcurrentDictionary<long, byte[]> Contents { get; } = new();

    public ConcurrentQueue<CallId> Completed { get; } = new();

    public int Opened;

    public int Disposed;

    /// <summary>Called before each read and write.</summary>
    public Func<long, Task> OnMove { get; set; } = _ => Task.CompletedTask;

    public Func<Task> OnComplete { get; set; } = () => Task.CompletedTask;

    public ValueTask<Outcome<IBulkSource>> OpenSourceAsync(BulkRequest request)
    {
        long name = WireCodec.FromBytes<NumberMessage>(request.Request).Value;
        if (!Contents.TryGetValue(name, out byte[]? content))
            return new(NoSuchContent);
        Interlocked.Increment(ref Opened);
        return new(Outcome<IBulkSource>.Reply(new Source(this, content)));
    }

    public ValueTask<Outcome<IBulkSink>> OpenSinkAsync(BulkRequest request, long lengthBytes)
    {
        long name = WireCodec.FromBytes<NumberMessage>(request.Request).Value;
        Interlocked.Increment(ref Opened);
        return new(Outcome<IBulkSink>.Reply(new Sink(this, name, request.Context.Id, lengthBytes)));
    }

    private sealed class Source(MemoryBulk owner, byte[] content) : IBulkSource
    {
        public long LengthBytes => content.Length;

        public async ValueTask<int> ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellation)
        {
            await owner.OnMove(offset);
            int count = (int)Math.Min(destination.Length, content.Length - offset);
            content.AsMemory((int)offset, count).CopyTo(destination);
            return count;
        }

        public ValueTask DisposeAsync()
        {
            Interlocked.Increment(ref owner.Disposed);
            return default;
        }
    }

    private sealed class Sink(MemoryBulk owner, long name, CallId id, long lengthBytes) : IBulkSink
    {
        private readonly byte[] _content = new byte[lengthBytes];

        public async ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken cancellation)
        {
            await owner.OnMove(offset);
            data.CopyTo(_content.AsMemory((int)offset));
        }

        public async ValueTask<Outcome<ReadOnlyMemory<byte>>> CompleteAsync(CancellationToken cancellation)
        {
            owner.Contents[name] = _content;
            owner.Completed.Enqueue(id);
            await owner.OnComplete();
            return Outcome<ReadOnlyMemory<byte>>.Reply(WireCodec.ToBytes(new NumberMessage(lengthBytes)));
        }

        public ValueTask DisposeAsync()
        {
            Interlocked.Increment(ref owner.Disposed);
            return default;
        }
    }
}
