using Afs.Rpc;
using Afs.Telemetry;
using Afs.Vice.Service;

namespace Afs.Vice.Hosting;

/// <summary>What <c>vice serve</c> was told.</summary>
public sealed record ServeOptions
{
    public required string Data { get; init; }

    public required IReadOnlyList<RpcEndpoint> Listen { get; init; }

    public TlsServer? Tls { get; init; }

    public ViceOptions Vice { get; init; } = new();

    /// <summary>How long calls that run may take to end when the server stops.</summary>
    public TimeSpan Drain { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>What is shown of the server, and to whom.</summary>
    public AdminOptions Admin { get; init; } = new();

    /// <summary>Written once the server takes calls; null: none.</summary>
    public string? ReadyFile { get; init; }
}
