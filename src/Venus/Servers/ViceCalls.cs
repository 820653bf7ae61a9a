using Afs.Rpc;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Servers;

/// <summary>How the cache calls its server: with deadlines, and with outcomes as results.</summary>
internal sealed class ViceCalls(IViceService vice, IContentTransfer transfer, CallTimes times)
{
    public async ValueTask<Result<T>> ReadAsync<T>(Func<IViceService, CallContext, ValueTask<Outcome<T>>> call, CancellationToken cancellation) =>
        OutcomeMapping.ToResult(await call(vice, Context(cancellation)), isMutation: false, cancellation);

    public async ValueTask<Result<T>> MutateAsync<T>(Func<IViceService, CallContext, ValueTask<Outcome<T>>> call, CancellationToken cancellation) =>
        OutcomeMapping.ToResult(await call(vice, Context(cancellation)), isMutation: true, cancellation);

    public async ValueTask<Result<long>> DownloadAsync(
        DownloadRequest request, Func<long, ReadOnlyMemory<byte>, CancellationToken, ValueTask> write, CancellationToken cancellation)
    {
        CallContext context = Context(cancellation) with { Deadline = times.Transfer(request.LengthBytes) };
        return OutcomeMapping.ToResult(await transfer.DownloadAsync(request, write, context), isMutation: false, cancellation);
    }

    public async ValueTask<Result<UploadReply>> UploadAsync(
        UploadRequest request, long lengthBytes, Func<long, Memory<byte>, CancellationToken, ValueTask<int>> read, CancellationToken cancellation)
    {
        CallContext context = Context(cancellation) with { Deadline = times.Transfer(lengthBytes) };
        return OutcomeMapping.ToResult(await transfer.UploadAsync(request, lengthBytes, read, context), isMutation: false, cancellation);
    }

    private CallContext Context(CancellationToken cancellation) => new() { Deadline = times.Call, Cancellation = cancellation };
}
