using Afs.Venus.Cache;
using Afs.Venus.Servers;
using Afs.Wire;

namespace Afs.Venus.Callbacks;

/// <summary>
/// After an event of kind E2 (PromiseRules): asks the server which cached statuses still hold, thousands in a call. What is needed sooner is
/// fetched singly meanwhile. The volume version isn't used as a short cut (docs/decisions/0022).
/// </summary>
internal sealed class Revalidator(VnodeTable table, ServerTrust trust, Func<CallMark> mark, ViceCalls calls, TimeProvider time, Random random)
{
    /// <summary>Many clients notice a restart of their server at the same moment.</summary>
    private static readonly TimeSpan MostJitter = TimeSpan.FromMilliseconds(300);

    /// <summary>All that is suspect. A failure leaves the rest suspect.</summary>
    public async Task<Failure> RunAsync(CancellationToken cancellation)
    {
        double jitter;
        lock (random)
            jitter = random.NextDouble();
        await Task.Delay(MostJitter * jitter, time, cancellation);
        return await RevalidateAsync(cancellation);
    }

    /// <summary>The same, at once.</summary>
    public async Task<Failure> RevalidateAsync(CancellationToken cancellation)
    {
        uint generation = trust.Generation;
        foreach (IGrouping<VolumeId, FetchStatus> volume in table.CollectSuspect(generation).GroupBy(static s => s.Fid.Volume))
        {
            foreach (FetchStatus[] chunk in volume.Chunk(Limits.ValidationsPerCall))
            {
                Failure failure = await ValidateAsync(volume.Key, chunk, cancellation);
                if (!failure.IsNone)
                    return failure;
            }
        }
        return Failure.None;
    }

    private async Task<Failure> ValidateAsync(VolumeId volume, FetchStatus[] chunk, CancellationToken cancellation)
    {
        CallMark before = mark();
        var request = new ValidateRequest
        {
            Volume = volume,
            VolumeVersion = default,
            Entries = [.. chunk.Select(static s => new CachedVersion(s.Fid.Vnode, s.Fid.Uniquifier, s.StatusVersion))],
        };
        Result<ValidateReply> reply = await calls.ReadAsync((vice, context) => vice.ValidateAsync(request, context), cancellation);
        if (!reply.IsSuccess)
            return reply.Failure;
        byte[] valid = reply.Value.Valid;
        for (int i = 0; i < chunk.Length; i++)
        {
            bool holds = i / 8 < valid.Length && (valid[i / 8] & 1 << i % 8) != 0;
            if (holds)
                table.Revalidate(chunk[i].Fid, chunk[i].StatusVersion, before);
            else
                table.DropSuspect(chunk[i].Fid, before.Generation);
        }
        return Failure.None;
    }
}
