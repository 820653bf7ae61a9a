using Afs.Rpc;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Servers;

/// <summary>How the cache calls its server: with deadlines, and with outcomes as results.</summary>
internal sealed class ViceCalls(IViceService vice, IContentTransfer transfer, CallTimes times)
{
    public async ValueTask<Result<T>> ReadAsync<T>(Func<IViceService, CallContext, ValueTask<Outcome<T>>> call, OperationContext operation) =>
        OutcomeMapping.ToResult(await call(vice, Context(operation)), isMutation: false, operation);

    public async ValueTask<Result<T>> MutateAsync<T>(Func<IViceService, CallContext, ValueTask<Outcome<T>>> call, OperationContext operation) =>
        OutcomeMapping.ToResult(await call(vice, Context(operation)), isMutation: true, operation);

    public async ValueTask<Result<long>> DownloadAsync(
        DownloadRequest request, Func<long, ReadOnlyMemory<byte>, CancellationToken, ValueTask> write, OperationContext operation)
    {
        CallContext context = Transfer(request.LengthBytes, operation);
        return OutcomeMapping.ToResult(await transfer.DownloadAsync(request, write, context), isMutation: false, operation);
    }

    public async ValueTask<Result<UploadReply>> UploadAsync(
        UploadRequest request, long lengthBytes, Func<long, Memory<byte>, CancellationToken, ValueTask<int>> read, OperationContext operation)
    {
        CallContext context = Transfer(lengthBytes, operation);
        return OutcomeMapping.ToResult(await transfer.UploadAsync(request, lengthBytes, read, context), isMutation: false, operation);
    }

    private CallContext Transfer(long lengthBytes, OperationContext operation) =>
        Context(operation) with { Deadline = times.Transfer(lengthBytes) };

    private CallContext Context(OperationContext operation) => new() { Deadline = times.Call, Stall = times.Stall, Caller = operation.Caller.Number, Cancellation = operation };
}

/// <summary>How long calls may take, retries and reconnects included.</summary>
public sealed record CallTimes
{
    /// <summary>For calls that a process waits for; a killed process ends its wait sooner. Where it takes longer a call goes on for as long as frames move (<see cref="Stall"/>).</summary>
    public TimeSpan Call { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>For the last call of a clean end. Without an answer the server waits for the lease instead.</summary>
    public TimeSpan Leave { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>For a call or a transfer of content without any progress.</summary>
    public TimeSpan Stall { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>At what rate, in bytes per second, a transfer has all its time whether anything moves or not: retries and the disks of both sides are in it.</summary>
    public long PromptBytesPerSecond { get; init; } = 64 * 1024;

    /// <summary>For a transfer of this length. Where it takes longer it goes on for as long as bytes move (<see cref="Stall"/>).</summary>
    public TimeSpan Transfer(long lengthBytes) => Stall + TimeSpan.FromSeconds((double)lengthBytes / PromptBytesPerSecond);
}

/// <summary>The one place where what became of a call becomes what Venus tells its askers.</summary>
internal static class OutcomeMapping
{
    /// <param name="isMutation">A read without a reply changed nothing, so it is only unreachable; a mutation may have run.</param>
    public static Result<T> ToResult<T>(Outcome<T> outcome, bool isMutation, OperationContext operation) => outcome.Kind switch
    {
        OutcomeKind.Replied => outcome.Value,
        OutcomeKind.Aborted => (Failure)outcome.Abort,
        OutcomeKind.Unknown when isMutation => FailureKind.InDoubt,
        _ when operation.IsInterrupted => FailureKind.Interrupted,
        _ => FailureKind.Unreachable,
    };
}
