using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Metadata;

namespace Afs.Vice.Service;

/// <summary>Lets go of versions that were kept for long enough, or that are too many.</summary>
internal sealed class KeptVersions(IMetadataStore metadata, ViceOptions options, Writer writer, RetiredContents retired, TimeProvider time)
{
    /// <summary>Reading them all costs something, and nothing is urgent here.</summary>
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(10);

    private long? _lastSweep;

    public async Task SweepAsync()
    {
        if (_lastSweep is { } last && time.GetElapsedTime(last) < Interval)
            return;
        _lastSweep = time.GetTimestamp();
        List<KeptVersion> due;
        using (IMetadataView view = metadata.OpenView())
        {
            IReadOnlyList<KeptVersion> kept = view.ReadKeptVersions();
            DateTimeOffset tooOld = time.GetUtcNow() - options.KeptFor;
            int tooMany = Math.Max(0, kept.Count - options.MostKept);
            due = [.. kept.OrderBy(k => k.KeptAt).Where((k, i) => i < tooMany || k.KeptAt < tooOld)];
        }
        if (due.Count == 0)
            return;
        await writer.ChangeAsync((transaction, _) =>
        {
            due.ForEach(kept => transaction.DeleteKeptVersion(kept.Fid, kept.Content.Version));
            return true;
        });
        retired.Add([.. due.SelectMany(kept => kept.Content.Objects)]);
    }
}
