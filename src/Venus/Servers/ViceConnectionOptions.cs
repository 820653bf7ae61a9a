using Afs.Rpc;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Servers;

/// <summary>What a connection to a file server is made of.</summary>
public sealed record ViceConnectionOptions
{
    public required RpcEndpoint Server { get; init; }

    public required ITransport Transport { get; init; }

    /// <summary>Of the cache directory, for ever.</summary>
    public required ClientId ClientId { get; init; }

    /// <summary>Counts the lease: boot time on a real machine.</summary>
    public required TimeProvider Time { get; init; }

    public required Random Random { get; init; }

    public required ILogger Log { get; init; }

    public RpcTimings Timings { get; init; } = new();

    /// <summary>What stands between the session and the trust that rests on it; a simulation plants errors there.</summary>
    internal Func<IClientSession, IClientSession> Session { get; init; } = static session => session;
}
