using System.Collections.Frozen;
using Afs.Rpc;
using Afs.Telemetry;
using Afs.Venus.Vfs;
using Afs.Wire;
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
            started._export = new OtlpExport("venus", collector, admin.Headers, admin.ExportInterval, readings.Read);
        if (admin.Listen is not { } listen)
            return started;
        try
        {
            // Out of touch it is well: it goes on with what it may, and comes back by itself.
            started._server = await AdminServer.StartAsync(listen, () => PrometheusText.Write("venus", readings.Read()), health: static () => null,
                new LimitedLog(log, new PeerWarnings(TimeProvider.System), "the admin pages"));
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

/// <summary>A mount's figures for those who collect them: what `afs status` shows.</summary>
internal sealed class VenusReadings(VenusCache cache, VfsFileSystem fileSystem)
{
    /// <summary>Those that go up and down; the others count.</summary>
    private static readonly FrozenSet<string> Gauges = FrozenSet.Create(
        "vnodes", "directories", "containers", "containers.bytes", "containers.dirty", "containers.half.written", "stores.waiting", "index.unwritten",
        "without.promises", "lease.left.ms", "behind.changes", "behind.bytes", "behind.oldest.ms", "behind.tokens");

    private static readonly FrozenDictionary<string, string> Helps = new Dictionary<string, string>
    {
        ["status.hits"] = "Questions for attributes that were answered without a call.",
        ["status.misses"] = "Questions for attributes that needed a call.",
        ["content.hits"] = "Opens that were answered from the cache.",
        ["content.fetches"] = "Contents that were fetched.",
        ["content.damaged"] = "Contents that did not match their checksum.",
        ["bytes.arrived"] = "Bytes of contents that arrived, of fetches under way too.",
        ["bytes.fetched"] = "Bytes of contents that were fetched.",
        ["bytes.stored"] = "Bytes of contents that were stored.",
        ["stores"] = "Contents that were stored.",
        ["stores.failed"] = "Stores that failed; they are tried again.",
        ["stores.unseen"] = "Stores that replaced a version which this client had not seen.",
        ["breaks.received"] = "Promises that the server broke.",
        ["trust.lost"] = "Times that all promises were gone at once.",
        ["containers"] = "Files in the cache.",
        ["containers.bytes"] = "Bytes that they occupy on the local disk.",
        ["containers.dirty"] = "Files with changes that are not stored yet.",
        ["containers.half.written"] = "Files that are open for writing.",
        ["containers.evicted"] = "Files that went to make room.",
        ["index.unwritten"] = "Changes of the cache's index that its disk refused; they are tried again.",
        ["without.promises"] = "1: the server promises this client nothing, for it was late to acknowledge; each open asks the server.",
        ["lease.left.ms"] = "Milliseconds for which the lease still runs.",
        ["vnodes"] = "Statuses in memory.",
        ["directories"] = "Directories in memory.",
        ["behind.changes"] = "Changes that were answered and wait for the server.",
        ["behind.bytes"] = "Bytes of them, contents included.",
        ["behind.oldest.ms"] = "Milliseconds for which the oldest of them has waited.",
        ["behind.refused"] = "Changes that were answered and that the server refused later.",
        ["behind.tokens"] = "Files and folders that this client may change without asking.",
        ["stores.waiting"] = "Files whose store failed and is to be tried again.",
    }.ToFrozenDictionary();

    public IEnumerable<Reading> Read()
    {
        foreach (Figure figure in cache.Manager.ReadFigures())
            yield return new Reading(figure.Name, Helps.GetValueOrDefault(figure.Name, figure.Name), !Gauges.Contains(figure.Name), figure.Value);
        yield return new Reading("containers.bytes.limit", "The most that files in the cache may occupy.", false, cache.Manager.Room.MostBytes);
        yield return new Reading("kernel.nodes", "Objects that the kernel knows.", false, fileSystem.NodeCount);
        yield return new Reading("kernel.names", "Names that the kernel may use without asking.", false, fileSystem.NameCount);
        yield return new Reading("kernel.names.held", "Directories whose names had not gone when a break was acknowledged: who walked through one waited.", true, fileSystem.NamesHeld);
        yield return new Reading("kernel.names.forced", "Times that all names of the mount had to go at once, and what was mounted inside with them.", true, fileSystem.NamesForced);
        yield return new Reading("connected", "1 with a connection to the server, else 0.", false, cache.Server.Trouble is null ? 1 : 0);
        yield return new Reading("memory.bytes", "Memory that the process occupies.", false, Environment.WorkingSet);
    }
}
