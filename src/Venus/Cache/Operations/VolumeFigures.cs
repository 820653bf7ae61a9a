using Afs.Venus.Servers;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>What statfs shows, from memory: df must never hang. The first asker waits for the server, later ones get what is known while it is refreshed.</summary>
internal sealed class VolumeFigures(VolumeId volume, ViceCalls calls, TimeProvider time)
{
    private static readonly TimeSpan Age = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private GetVolumeStatusReply? _known;
    private long _asked;
    private Task<Result<GetVolumeStatusReply>>? _asking;

    public async ValueTask<Result<GetVolumeStatusReply>> GetAsync(CancellationToken cancellation)
    {
        Task<Result<GetVolumeStatusReply>> asking;
        lock (_lock)
        {
            if (_known is { } known && time.GetElapsedTime(_asked) < Age)
                return known;
            asking = _asking is { IsCompleted: false } ? _asking : _asking = AskAsync();
            if (_known is { } old)
                return old;
        }
        try
        {
            return await asking.WaitAsync(cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return FailureKind.Interrupted;
        }
    }

    private async Task<Result<GetVolumeStatusReply>> AskAsync()
    {
        await Task.Yield(); // Not under the lock.
        Result<GetVolumeStatusReply> reply = await calls.ReadAsync(
            (vice, context) => vice.GetVolumeStatusAsync(new GetVolumeStatusRequest { Volume = volume }, context), CancellationToken.None);
        lock (_lock)
        {
            _asked = time.GetTimestamp();
            if (reply.IsSuccess)
                _known = reply.Value;
        }
        return reply;
    }
}
