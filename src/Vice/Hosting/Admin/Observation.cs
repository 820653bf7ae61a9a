using System.Collections.Concurrent;
using System.Text;
using Afs.Rpc;
using Afs.Telemetry;
using Afs.Wire;

namespace Afs.Vice.Hosting.Admin;

/// <summary>What is noted of a server that somebody looks at. It stands between the network and the service, so that a server without a look pays nothing.</summary>
public sealed class Observation : IDisposable
{
    private const int MostClients = 4096;

    private readonly ConcurrentDictionary<ClientId, string> _addresses = new();

    public CallLatencies Calls { get; } = new("vice", "calls.served", "How long calls of clients took, waits for breaks included, by operation.");

    public CallLatencies Breaks { get; } = new("vice", "breaks.acknowledged", "How long clients took to acknowledge breaks.");

    public ActivityFeed Feed { get; } = new();

    public IViceService Observe(IViceService service) => new ObservedService(service, this);

    public IVenusCallbacks Observe(IVenusCallbacks callbacks) => new ObservedCallbacks(callbacks, this);

    /// <summary>Where a client last called from; null where it isn't known.</summary>
    public string? AddressOf(ClientId client) => _addresses.GetValueOrDefault(client);

    public void Called(string operation, CallContext context, TimeSpan duration)
    {
        Calls.Record(operation, duration);
        if (context.Peer is { } peer && (_addresses.Count < MostClients || _addresses.ContainsKey(context.Id.Client)))
            _addresses[context.Id.Client] = peer;
    }

    /// <param name="client">Null: the server itself.</param>
    public void Tell(string kind, ClientId? client, string subject, long? bytes, ulong? version, TimeSpan duration)
    {
        if (Feed.HasReaders)
            Feed.Publish(new Activity(DateTimeOffset.UtcNow, kind, client?.ToString(), subject, bytes, version, duration.TotalMilliseconds));
    }

    public static string Text(byte[]? name) => name is null ? "" : Encoding.UTF8.GetString(name);

    public void Dispose()
    {
        Calls.Dispose();
        Breaks.Dispose();
    }
}
