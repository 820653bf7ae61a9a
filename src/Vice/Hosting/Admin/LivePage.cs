using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Threading.Channels;
using Afs.Telemetry;
using Afs.Vice.Callbacks;
using Afs.Vice.Service;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Afs.Vice.Hosting.Admin;

/// <summary>
/// The live page: one document in this assembly, and a stream of events (text/event-stream of the HTML standard): "state" once a second,
/// "activity" as it happens. The page may load nothing, run no script but its own, and be framed by nobody.
/// </summary>
internal sealed class LivePage(LiveReader reader, ActivityFeed feed)
{
    private const string Resource = "live.html";
    private static readonly TimeSpan StateInterval = TimeSpan.FromSeconds(1);

    private readonly byte[] _page = Load();

    public void Map(WebApplication app)
    {
        string policy = Policy(Encoding.UTF8.GetString(_page));
        app.MapGet("/", context =>
        {
            context.Response.ContentType = "text/html; charset=utf-8";
            context.Response.Headers.ContentSecurityPolicy = policy;
            context.Response.Headers["Referrer-Policy"] = "no-referrer";
            return context.Response.Body.WriteAsync(_page, context.RequestAborted).AsTask();
        });
        app.MapGet("/events", context => StreamAsync(context, app.Lifetime.ApplicationStopping));
    }

    private async Task StreamAsync(HttpContext context, CancellationToken stopping)
    {
        if (feed.TryAdd() is not { } activities)
        {
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            return;
        }
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stopping);
        try
        {
            context.Response.ContentType = "text/event-stream";
            await SendAsync(context, activities, end.Token);
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // The reader has gone, or the server stops.
        }
        finally
        {
            feed.Remove(activities);
        }
    }

    private async Task SendAsync(HttpContext context, Channel<Activity> activities, CancellationToken end)
    {
        using var timer = new PeriodicTimer(StateInterval);
        Task<bool> tick = Task.FromResult(true);
        Task<bool> waiting = activities.Reader.WaitToReadAsync(end).AsTask();
        while (true)
        {
            if (tick.IsCompleted)
            {
                await tick;
                tick = timer.WaitForNextTickAsync(end).AsTask();
                await WriteAsync(context, "state", JsonSerializer.SerializeToUtf8Bytes(reader.Read(), LiveJson.Default.LiveState), end);
            }
            if (waiting.IsCompleted)
            {
                await waiting;
                while (activities.Reader.TryRead(out Activity? activity))
                    await WriteAsync(context, "activity", JsonSerializer.SerializeToUtf8Bytes(activity, LiveJson.Default.Activity), end);
                waiting = activities.Reader.WaitToReadAsync(end).AsTask();
            }
            await context.Response.Body.FlushAsync(end);
            await Task.WhenAny(tick, waiting);
        }
    }

    /// <summary>JSON has no raw line break, so one line of data is enough.</summary>
    private static async Task WriteAsync(HttpContext context, string kind, byte[] json, CancellationToken end)
    {
        await context.Response.Body.WriteAsync(Encoding.ASCII.GetBytes($"event: {kind}\ndata: "), end);
        await context.Response.Body.WriteAsync(json, end);
        await context.Response.Body.WriteAsync("\n\n"u8.ToArray(), end);
    }

    /// <summary>Only the script and the style that stand in the page, by their hashes (CSP level 2).</summary>
    private static string Policy(string page) =>
        $"default-src 'none'; script-src {Hash(page, "script")}; style-src {Hash(page, "style")}; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private static string Hash(string page, string element)
    {
        int from = page.IndexOf($"<{element}>", StringComparison.Ordinal) + element.Length + 2;
        int to = page.IndexOf($"</{element}>", StringComparison.Ordinal);
        return $"'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(page[from..to])))}'";
    }

    private static byte[] Load()
    {
        using Stream resource = typeof(LivePage).Assembly.GetManifestResourceStream(Resource)
            ?? throw new InvalidOperationException($"{Resource} is not in the assembly.");
        byte[] page = new byte[resource.Length];
        resource.ReadExactly(page);
        return page;
    }
}

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

/// <summary>The server at one moment, for the live page.</summary>
internal sealed record LiveState(
    DateTimeOffset Time, string Version, string Volume, ulong Epoch, long UptimeMs, long LeaseMs, IReadOnlyDictionary<string, long> Figures,
    IReadOnlyList<LiveClient> Clients, IReadOnlyList<LiveOperation> Operations, IReadOnlyList<LiveKeptVersion> Kept);

/// <param name="LeaseLeftMs">Zero or less: it has ended.</param>
internal sealed record LiveClient(string Id, string? Address, ulong Session, bool IsConnected, bool HasLapsed, long SilentMs, long LeaseLeftMs, int Promises);

/// <summary>Calls of one operation since the server's start.</summary>
/// <param name="Buckets">Below the bounds of <see cref="Telemetry.LatencyHistogram.BoundsSeconds"/>, the last above all.</param>
internal sealed record LiveOperation(string Name, IReadOnlyList<long> Buckets, double SumMs);

/// <summary>A version that was replaced by a writer who had not seen it.</summary>
internal sealed record LiveKeptVersion(string Fid, ulong Version, long LengthBytes, string Writer, DateTimeOffset KeptAt);

/// <summary>What the live page is told.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(LiveState))]
[JsonSerializable(typeof(Activity))]
internal sealed partial class LiveJson : JsonSerializerContext;
