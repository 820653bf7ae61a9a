using System.Collections.Frozen;
using Afs.Telemetry;
using Afs.Venus.Vfs;
using Afs.Wire;

namespace Afs.Venus.Hosting;

/// <summary>A mount's figures for those who collect them: what `afs status` shows.</summary>
internal sealed class VenusReadings(VenusCache cache, VfsFileSystem fileSystem)
{
    /// <summary>Those that go up and down; the others count.</summary>
    private static readonly FrozenSet<string> Gauges = FrozenSet.Create(
        "vnodes", "directories", "containers", "containers.bytes", "containers.dirty", "stores.waiting", "lease.left.ms");

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
        ["containers.evicted"] = "Files that went to make room.",
        ["lease.left.ms"] = "Milliseconds for which the lease still runs.",
        ["vnodes"] = "Statuses in memory.",
        ["directories"] = "Directories in memory.",
        ["stores.waiting"] = "Files whose store failed and is to be tried again.",
    }.ToFrozenDictionary();

    public IEnumerable<Reading> Read()
    {
        foreach (Figure figure in cache.Manager.ReadFigures())
            yield return new Reading(figure.Name, Helps.GetValueOrDefault(figure.Name, figure.Name), !Gauges.Contains(figure.Name), figure.Value);
        yield return new Reading("containers.bytes.limit", "The most that files in the cache may occupy.", false, cache.Manager.Room.MostBytes);
        yield return new Reading("kernel.nodes", "Objects that the kernel knows.", false, fileSystem.NodeCount);
        yield return new Reading("connected", "1 with a connection to the server, else 0.", false, cache.Server.Trouble is null ? 1 : 0);
        yield return new Reading("memory.bytes", "Memory that the process occupies.", false, Environment.WorkingSet);
    }
}
