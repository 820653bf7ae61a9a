using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Afs.Rpc;

/// <summary>What a client is made of.</summary>
public sealed record RpcClientOptions
{
    public required ITransport Transport { get; init; }

    public required RpcEndpoint Server { get; init; }

    public required ClientId ClientId { get; init; }

    public required IClientSession Session { get; init; }

    /// <summary>
    /// Answers the server's calls; null: this client takes none. The synchronous part of each runs on the connection's reader, in the
    /// order of arrival with <see cref="IClientSession"/>'s callbacks, and must not wait.
    /// </summary>
    public IRpcDispatcher? Callbacks { get; init; }

    /// <summary>Counts leases and deadlines: on a real machine, boot time.</summary>
    public required TimeProvider Time { get; init; }

    /// <summary>Its numbers decide back-offs only. Not shared with other threads after this.</summary>
    public required Random Random { get; init; }

    public ILogger Log { get; init; } = NullLogger.Instance;

    public RpcTimings Timings { get; init; } = new();

    public RpcLimits Limits { get; init; } = new();

    public RpcStatistics Statistics { get; init; } = new();
}
