using Afs.Rpc;
using Afs.Wire;

namespace Afs.Venus.Servers;

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
            return WireCodec.FromBytes<UploadReply>(bytes.Span);
        }
        catch (MalformedMessageException)
        {
            return Outcome<UploadReply>.Unknown;
        }
    }
}
