using System.Collections.Frozen;
using Afs.Rpc;
using Afs.Telemetry;
using Afs.Vice.Service;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;
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
            started._export = new OtlpExport("vice", collector, admin.Headers, admin.ExportInterval, readings.Read);
        if (admin.Listen is not { } listen)
            return started;
        var health = new ViceHealth(metadata, findBroken);
        var page = new LivePage(new LiveReader(vice, options, metadata, readings, seen), seen.Feed);
        try
        {
            started._server = await AdminServer.StartAsync(
                listen, () => PrometheusText.Write("vice", readings.Read(), seen.Calls, seen.Breaks), health.FindTrouble,
                new LimitedLog(log, new PeerWarnings(TimeProvider.System), "the admin pages"), page.Map);
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

/// <summary>The server's figures for those who collect them: what `vice status` shows, and the network's.</summary>
internal sealed class ViceReadings(ViceServer vice, RpcStatistics network)
{
    /// <summary>Those that go up and down; the others count.</summary>
    private static readonly FrozenSet<string> Gauges =
        FrozenSet.Create("sessions", "sessions.connected", "sessions.lapsed", "sessions.without-promises", "promises", "tokens", "locks", "locks.waiting", "locks.tokens", "uploads", "contents.retired", "directory.changes");

    private static readonly FrozenDictionary<string, string> Helps = new Dictionary<string, string>
    {
        ["sessions"] = "Clients that the server knows.",
        ["sessions.connected"] = "Clients with a connection.",
        ["sessions.lapsed"] = "Clients whose lease has ended.",
        ["promises"] = "Callback promises held by clients.",
        ["tokens"] = "Write tokens held by clients.",
        ["tokens.recalled"] = "Write tokens that were called back for others.",
        ["locks"] = "Locks on files that the server knows of. Those under a lock token are known to its client alone.",
        ["locks.waiting"] = "Requests for locks that wait.",
        ["locks.tokens"] = "Files whose lock token a client has.",
        ["locks.recalled"] = "Lock tokens that were called back for others.",
        ["locks.lost"] = "Times that a client lost its locks.",
        ["breaks.sent"] = "Promises that clients were told are gone.",
        ["breaks.calls"] = "Calls that told them.",
        ["breaks.evicted"] = "Promises broken because there were too many.",
        ["resets"] = "Times that a client lost all its promises at once.",
        ["clients.late"] = "Times that a client kept a change of others waiting for too long.",
        ["sessions.without-promises"] = "Sessions of clients that were late, and are promised nothing until they have shown to be quick.",
        ["reads"] = "Calls that read.",
        ["mutations"] = "Calls that change something.",
        ["stores.unseen"] = "Stores that replaced a version which their writer had not seen.",
        ["commits"] = "Transactions of the metadata.",
        ["commits.work"] = "Changes in those transactions.",
        ["commits.failed"] = "Transactions that failed.",
        ["storage.failures"] = "Reads that failed because of the server's disk.",
        ["uploads"] = "Contents that are arriving, or wait for their store.",
        ["contents.retired"] = "Contents that wait to be deleted.",
        ["directory.changes"] = "Changes of directories that are remembered for clients.",
    }.ToFrozenDictionary();

    public IEnumerable<Reading> Read()
    {
        foreach (Figure figure in Status().Figures)
            yield return new Reading(figure.Name, Helps.GetValueOrDefault(figure.Name, figure.Name), !Gauges.Contains(figure.Name), figure.Value);
        yield return new Reading("uptime.ms", "Milliseconds since the server's start.", false, Status().UptimeMs);
        yield return new Reading("epoch", "Counts the lives of the server.", false, (long)Status().Epoch);
        yield return new Reading("control.sent.bytes", "Bytes sent on control connections.", true, network.SentBytes);
        yield return new Reading("control.received.bytes", "Bytes received on control connections.", true, network.ReceivedBytes);
        yield return new Reading("content.sent.bytes", "Bytes of contents sent on bulk connections.", true, network.BulkSentBytes);
        yield return new Reading("content.received.bytes", "Bytes of contents received on bulk connections.", true, network.BulkReceivedBytes);
        yield return new Reading("connections", "Control connections that were established.", true, network.Connections);
        yield return new Reading("connections.broken", "Connections that ended by an error.", true, network.BrokenConnections);
        yield return new Reading("memory.bytes", "Memory that the process occupies.", false, Environment.WorkingSet);
    }

    public GetServerStatusReply Status() => vice.Status.Get().Value;
}

/// <summary>Whether the server can do its work: for who would start it again, or take another.</summary>
/// <param name="findBroken">Why the server is about to end; null: it isn't.</param>
internal sealed class ViceHealth(IMetadataStore metadata, Func<string?> findBroken)
{
    /// <summary>Null: it is well. Else why not, in one line. Reads the database, as any open does.</summary>
    public string? FindTrouble()
    {
        if (findBroken() is { } broken)
            return broken;
        try
        {
            using IMetadataView view = metadata.OpenView();
            view.ReadServer();
            return null;
        }
        catch (StorageException e)
        {
            return $"the metadata can't be read: {e.Failure}";
        }
    }
}
