using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Afs.Rpc;

/// <summary>What a server is made of.</summary>
public sealed record RpcServerOptions
{
    public required ITransport Transport { get; init; }

    public required IReadOnlyList<RpcEndpoint> Endpoints { get; init; }

    public required IRpcDispatcher Dispatcher { get; init; }

    public required IServerSessions Sessions { get; init; }

    public required IReplyStore Replies { get; init; }

    /// <summary>Null: this server moves no bulk content.</summary>
    public IBulkHandler? Bulk { get; init; }

    public required TimeProvider Time { get; init; }

    /// <summary>Its numbers decide back-offs only. Not shared with other threads after this.</summary>
    public required Random Random { get; init; }

    public ILogger Log { get; init; } = NullLogger.Instance;

    public RpcTimings Timings { get; init; } = new();

    public RpcLimits Limits { get; init; } = new();

    public RpcStatistics Statistics { get; init; } = new();
}
