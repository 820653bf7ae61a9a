using Afs.Rpc;
using Afs.Telemetry;
using Afs.Vice.Service;
using Afs.Vice.Volumes.Metadata;
using Microsoft.Extensions.Logging;

namespace Afs.Vice.Hosting.Admin;

/// <summary>What a server shows of itself: figures, health and the live page over HTTP, and figures to a collector. Only where it was asked for.</summary>
internal sealed partial class ViceAdmin : IAsyncDisposable
{
    private AdminServer? _server;
    private OtlpExport? _export;

    /// <exception cref="StartException">It can't listen there.</exception>
    public static async Task<ViceAdmin> StartAsync(
        AdminOptions admin, ViceOptions options, ViceServer vice, RpcStatistics network, IMetadataStore metadata, Observation seen,
        Func<string?> findBroken, ILogger log)
    {
        var readings = new ViceReadings(vice, network);
        var started = new ViceAdmin();
        if (admin.Collector is { } collector)
            started._export = new OtlpExport("vice", collector, admin.ExportInterval, readings.Read);
        if (admin.Listen is not { } listen)
            return started;
        var health = new ViceHealth(metadata, findBroken);
        var page = new LivePage(new LiveReader(vice, options, metadata, readings, seen), seen.Feed);
        try
        {
            started._server = await AdminServer.StartAsync(
                listen, () => PrometheusText.Write("vice", readings.Read(), seen.Calls, seen.Breaks), health.FindTrouble, log, page.Map);
            LogAdmin(log, started._server.Address);
            return started;
        }
        catch (IOException e)
        {
            throw new StartException($"Cannot listen on {listen} for --admin: {e.Message}", e);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
            await _server.DisposeAsync();
        _export?.Dispose();
    }

    [LoggerMessage(EventId = 4101, Level = LogLevel.Information, Message = "vice: pages at {Address}/, figures at {Address}/metrics")]
    private static partial void LogAdmin(ILogger log, string address);
}
