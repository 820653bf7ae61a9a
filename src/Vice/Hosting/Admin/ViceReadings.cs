using System.Collections.Frozen;
using Afs.Rpc;
using Afs.Telemetry;
using Afs.Vice.Service;
using Afs.Wire;

namespace Afs.Vice.Hosting.Admin;

/// <summary>The server's figures for those who collect them: what `vice status` shows, and the network's.</summary>
internal sealed class ViceReadings(ViceServer vice, RpcStatistics network)
{
    /// <summary>Those that go up and down; the others count.</summary>
    private static readonly FrozenSet<string> Gauges =
        FrozenSet.Create("sessions", "sessions.connected", "sessions.lapsed", "promises", "uploads", "contents.retired", "directory.changes");

    private static readonly FrozenDictionary<string, string> Helps = new Dictionary<string, string>
    {
        ["sessions"] = "Clients that the server knows.",
        ["sessions.connected"] = "Clients with a connection.",
        ["sessions.lapsed"] = "Clients whose lease has ended.",
        ["promises"] = "Callback promises held by clients.",
        ["breaks.sent"] = "Promises that clients were told are gone.",
        ["breaks.calls"] = "Calls that told them.",
        ["breaks.evicted"] = "Promises broken because there were too many.",
        ["resets"] = "Times that a client lost all its promises at once.",
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
