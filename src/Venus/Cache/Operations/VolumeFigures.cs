using Afs.Venus.Servers;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// What statfs shows. As of the last second where the server answers; df must never hang, so who has waited <see cref="Patience"/> gets what is known, and while a
/// question is that old nobody waits for it. Only the first asker has nothing else to get.
/// </summary>
internal sealed class VolumeFigures(VolumeId volume, ViceCalls calls, TimeProvider time)
{
    /// <summary>Programs that look before each of many files don't ask each time.</summary>
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private GetVolumeStatusReply? _known;

    // As of when it is known: the last question that was answered was asked then.
    private long _knownSince;
    private long _askedAt;
    private Task<Result<GetVolumeStatusReply>>? _asking;

    public async ValueTask<Result<GetVolumeStatusReply>> GetAsync(OperationContext operation)
    {
        Task<Result<GetVolumeStatusReply>> asking;
        GetVolumeStatusReply? known;
        TimeSpan wait;
        lock (_lock)
        {
            known = _known;
            if (known is not null && time.GetElapsedTime(_knownSince) < Fresh)
                return known;
            if (_asking is not { IsCompleted: false })
            {
                _askedAt = time.GetTimestamp();
                _asking = AskAsync(_askedAt);
            }
            asking = _asking;
            wait = known is null ? Timeout.InfiniteTimeSpan : Patience - time.GetElapsedTime(_askedAt);
        }
        if (known is not null && wait <= TimeSpan.Zero)
            return known;
        try
        {
            Result<GetVolumeStatusReply> reply = await asking.WaitAsync(wait, time, operation);
            return reply.IsSuccess || known is null ? reply : known;
        }
        catch (TimeoutException)
        {
            return known!;
        }
        catch (OperationCanceledException) when (operation.IsInterrupted)
        {
            return FailureKind.Interrupted;
        }
    }

    private async Task<Result<GetVolumeStatusReply>> AskAsync(long askedAt)
    {
        await Task.Yield(); // Not under the lock.
        Result<GetVolumeStatusReply> reply = await calls.ReadAsync(
            (vice, context) => vice.GetVolumeStatusAsync(new GetVolumeStatusRequest { Volume = volume }, context), OperationContext.OfClient(CancellationToken.None));
        lock (_lock)
        {
            if (reply.IsSuccess)
                (_known, _knownSince) = (reply.Value, askedAt);
        }
        return reply;
    }
}
