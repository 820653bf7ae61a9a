using Afs.Telemetry;
using Afs.Vice.Callbacks;
using Afs.Vice.Service;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Vice.Hosting.Admin;

/// <summary>Reads the server for the live page: at most once a second, however many look.</summary>
internal sealed class LiveReader(ViceServer vice, ViceOptions options, IMetadataStore metadata, ViceReadings readings, Observation seen)
{
    private const int MostClients = 200, MostKept = 20;
    private static readonly TimeSpan KeptInterval = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private IReadOnlyList<LiveKeptVersion> _kept = [];
    private DateTimeOffset _keptAt;

    public LiveState Read()
    {
        GetServerStatusReply status = readings.Status();
        return new LiveState(
            DateTimeOffset.UtcNow, status.Version, options.VolumeName, status.Epoch, status.UptimeMs, (long)options.Lease.TotalMilliseconds,
            readings.Read().ToDictionary(static reading => reading.Name, static reading => reading.Value),
            [.. vice.Clients.All().OrderBy(static client => client.SinceContact).Take(MostClients).Select(Describe)],
            [.. seen.Calls.Read().Concat(seen.Breaks.Read()).Select(Describe)],
            ReadKept());
    }

    private LiveClient Describe(ClientSession client)
    {
        TimeSpan silent = client.SinceContact;
        return new LiveClient(
            client.Client.ToString(), seen.AddressOf(client.Client), client.Id.Value, client.IsConnected, client.IsLapsed, (long)silent.TotalMilliseconds,
            (long)(options.Lease - silent).TotalMilliseconds, vice.Promises.CountOf(client));
    }

    private static LiveOperation Describe((string Operation, LatencyHistogram Histogram) operation)
    {
        (IReadOnlyList<long> counts, TimeSpan sum) = operation.Histogram.Read();
        return new LiveOperation(operation.Operation, counts, sum.TotalMilliseconds);
    }

    private IReadOnlyList<LiveKeptVersion> ReadKept()
    {
        lock (_lock)
        {
            if (DateTimeOffset.UtcNow - _keptAt < KeptInterval)
                return _kept;
            _keptAt = DateTimeOffset.UtcNow;
            using IMetadataView view = metadata.OpenView();
            _kept = [.. view.ReadKeptVersions().OrderByDescending(static kept => kept.KeptAt).Take(MostKept).Select(static kept =>
                new LiveKeptVersion(kept.Fid.ToString(), kept.Content.Version.Value, kept.LengthBytes, kept.Content.Writer.ToString(), kept.KeptAt))];
            return _kept;
        }
    }
}
