using Afs.Rpc;
using Afs.Wire;

namespace Afs.Venus.Servers;

/// <summary>Content beyond <see cref="Limits.InlineContentBytes"/>, on bulk connections.</summary>
public interface IContentTransfer
{
    /// <summary>
    /// Downloads; <paramref name="write"/> gets the bytes in order from offset 0. After a broken connection it may begin again at 0.
    /// Abort VersionGone: the file has a newer version.
    /// </summary>
    ValueTask<Outcome<long>> DownloadAsync(DownloadRequest request, Func<long, ReadOnlyMemory<byte>, CancellationToken, ValueTask> write, CallContext context);

    /// <summary>Uploads exactly <paramref name="lengthBytes"/> bytes that <paramref name="read"/> gives, in order; after a broken connection from offset 0 again.</summary>
    ValueTask<Outcome<UploadReply>> UploadAsync(UploadRequest request, long lengthBytes, Func<long, Memory<byte>, CancellationToken, ValueTask<int>> read, CallContext context);
}

/// <summary>Content over the Rpc library's bulk connections.</summary>
internal sealed class BulkContentTransfer(IBulkChannel bulk) : IContentTransfer
{
    public ValueTask<Outcome<long>> DownloadAsync(
        DownloadRequest request, Func<long, ReadOnlyMemory<byte>, CancellationToken, ValueTask> write, CallContext context) =>
        bulk.DownloadAsync(WireCodec.ToBytes(request), write, context);

    public async ValueTask<Outcome<UploadReply>> UploadAsync(
        UploadRequest request, long lengthBytes, Func<long, Memory<byte>, CancellationToken, ValueTask<int>> read, CallContext context)
    {
        Outcome<ReadOnlyMemory<byte>> outcome = await bulk.UploadAsync(WireCodec.ToBytes(request), lengthBytes, read, context);
        return outcome.IsReply ? Decode(outcome.Value) : outcome.As<UploadReply>();
    }

    /// <summary>A reply that no correct server sends is as good as none.</summary>
    private static Outcome<UploadReply> Decode(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            return WireCodec.FromBytes<UploadReply>(bytes);
        }
        catch (MalformedMessageException)
        {
            return Outcome<UploadReply>.Unknown;
        }
    }
}
