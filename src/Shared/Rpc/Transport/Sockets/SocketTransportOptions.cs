namespace Afs.Rpc;

/// <summary>How sockets are secured. TCP only; a Unix socket is guarded by its file's mode.</summary>
public sealed record SocketTransportOptions
{
    /// <summary>Connect with TLS; null: in clear.</summary>
    public TlsClient? ClientTls { get; init; }

    /// <summary>Accept only TLS; null: in clear.</summary>
    public TlsServer? ServerTls { get; init; }
}
