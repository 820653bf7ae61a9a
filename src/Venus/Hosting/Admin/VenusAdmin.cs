using Afs.Telemetry;
using Afs.Venus.Vfs;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Hosting;

/// <summary>What a mount shows of itself: figures and health over HTTP, and figures to a collector. Only where it was asked for.</summary>
internal sealed partial class VenusAdmin : IAsyncDisposable
{
    private AdminServer? _server;
    private OtlpExport? _export;

    /// <exception cref="HostingException">It can't listen there.</exception>
    public static async Task<VenusAdmin> StartAsync(AdminOptions admin, VenusCache cache, VfsFileSystem fileSystem, ILogger log)
    {
        var readings = new VenusReadings(cache, fileSystem);
        var started = new VenusAdmin();
        if (admin.Collector is { } collector)
            started._export = new OtlpExport("venus", collector, admin.ExportInterval, readings.Read);
        if (admin.Listen is not { } listen)
            return started;
        try
        {
            // Out of touch it is well: it goes on with what it may, and comes back by itself.
            started._server = await AdminServer.StartAsync(listen, () => PrometheusText.Write("venus", readings.Read()), health: static () => null, log);
            LogAdmin(log, started._server.Address);
            return started;
        }
        catch (IOException e)
        {
            throw new HostingException(ExitCode.InUse, $"Cannot listen on {listen} for --admin: {e.Message}", e);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
            await _server.DisposeAsync();
        _export?.Dispose();
    }

    [LoggerMessage(EventId = 940, Level = LogLevel.Information, Message = "Figures are at {Address}/metrics")]
    private static partial void LogAdmin(ILogger log, string address);
}
