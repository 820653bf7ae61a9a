using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Metadata;
using Microsoft.Extensions.Logging;

namespace Afs.Vice.Service;

/// <summary>
/// Lets go of versions that were kept for long enough, or that are too many, or that are in the way: on a full disk the oldest go, as many as it takes.
/// </summary>
internal sealed partial class KeptVersions(
    IMetadataStore metadata, ViceOptions options, Writer writer, RetiredContents retired, Room room, TimeProvider time, ILogger log)
{
    /// <summary>Dropped in one transaction, for which all others wait.</summary>
    private const int MostAtOnce = 64;

    /// <summary>Reading them all costs something, and nothing is urgent where there is room.</summary>
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(10);

    private long? _lastSweep;

    public async Task SweepAsync()
    {
        bool isFull = room.IsFull;
        if (!isFull && _lastSweep is { } last && time.GetElapsedTime(last) < Interval)
            return;
        _lastSweep = time.GetTimestamp();
        IReadOnlyList<KeptVersion> kept = Read();
        DateTimeOffset tooOld = time.GetUtcNow() - options.KeptFor;
        int tooMany = Math.Max(0, kept.Count - options.MostKept);
        List<KeptVersion> due = [.. kept.Where((k, i) => i < tooMany || k.KeptAt < tooOld)];
        if (isFull && retired.Count == 0) // Until what was dropped is off the disk, nobody knows whether it was enough.
        {
            List<KeptVersion> inTheWay = Oldest([.. kept.Except(due)], room.KeptBackBytes);
            if (inTheWay.Count > 0)
                LogYielded(log, inTheWay.Count);
            due.AddRange(inTheWay);
        }
        await DropAsync(due);
    }

    /// <summary>Those that an administrator named. How many there were.</summary>
    public async Task<int> DropAsync(Func<KeptVersion, bool> isMeant)
    {
        List<KeptVersion> meant = [.. Read().Where(isMeant)];
        await DropAsync(meant);
        return meant.Count;
    }

    /// <summary>The oldest first.</summary>
    private List<KeptVersion> Read()
    {
        using IMetadataView view = metadata.OpenView();
        return [.. view.ReadKeptVersions().OrderBy(static kept => kept.KeptAt)];
    }

    /// <summary>At least one, and of the others so many that they may have as many bytes: a content may be sparse, or a patch.</summary>
    private static List<KeptVersion> Oldest(IReadOnlyList<KeptVersion> kept, long bytes)
    {
        long taken = 0;
        return [.. kept.TakeWhile(k =>
        {
            bool isNeeded = taken == 0 || taken < bytes;
            taken += k.LengthBytes;
            return isNeeded;
        })];
    }

    private async Task DropAsync(IReadOnlyList<KeptVersion> versions)
    {
        foreach (KeptVersion[] some in versions.Chunk(MostAtOnce))
        {
            await writer.ChangeAsync((transaction, _) =>
            {
                foreach (KeptVersion kept in some)
                    transaction.DeleteKeptVersion(kept.Fid, kept.Content.Version);
                return true;
            });
            retired.Add([.. some.SelectMany(static kept => kept.Content.Objects)]);
        }
    }

    [LoggerMessage(EventId = 3301, Level = LogLevel.Warning, Message = "The disk is full: {Count} replaced versions that were kept go before their time")]
    private static partial void LogYielded(ILogger log, int count);
}
