namespace Afs.Rpc;

/// <summary>What a bulk exchange asks for: bytes that the service knows by an encoded request message.</summary>
/// <param name="Request">An encoded wire message; its meaning belongs to the service.</param>
public readonly record struct BulkRequest(ReadOnlyMemory<byte> Request, CallContext Context);

/// <summary>Where the bytes of a bulk download come from. Disposed when they were sent, or the connection died.</summary>
public interface IBulkSource : IAsyncDisposable
{
    /// <summary>How many bytes will come, exactly.</summary>
    long LengthBytes { get; }

    /// <summary>Reads from <paramref name="offset"/> into <paramref name="destination"/>; fewer bytes only at the end.</summary>
    ValueTask<int> ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellation);
}

/// <summary>Where the bytes of a bulk upload go. Disposed without <see cref="CompleteAsync"/>: forget them.</summary>
public interface IBulkSink : IAsyncDisposable
{
    ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken cancellation);

    /// <summary>All bytes came and are on stable storage when this returns; the value is the encoded reply message.</summary>
    ValueTask<Outcome<ReadOnlyMemory<byte>>> CompleteAsync(CancellationToken cancellation);
}

/// <summary>The server's side of bulk transfer: content moves on connections of its own, so that no control message waits behind it.</summary>
public interface IBulkHandler
{
    ValueTask<Outcome<IBulkSource>> OpenSourceAsync(BulkRequest request);

    ValueTask<Outcome<IBulkSink>> OpenSinkAsync(BulkRequest request, long lengthBytes);
}

/// <summary>The client's side of bulk transfer.</summary>
public interface IBulkChannel
{
    /// <summary>Downloads; <paramref name="write"/> gets the bytes in order. The value is the count. Bytes of a failed download may have been written.</summary>
    ValueTask<Outcome<long>> DownloadAsync(ReadOnlyMemory<byte> request, Func<long, ReadOnlyMemory<byte>, CancellationToken, ValueTask> write, CallContext context);

    /// <summary>Uploads exactly <paramref name="lengthBytes"/> bytes that <paramref name="read"/> gives, in order; the value is the encoded reply message.</summary>
    ValueTask<Outcome<ReadOnlyMemory<byte>>> UploadAsync(ReadOnlyMemory<byte> request, long lengthBytes, Func<long, Memory<byte>, CancellationToken, ValueTask<int>> read, CallContext context);
}
