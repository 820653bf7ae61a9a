using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Afs.Rpc;

/// <summary>The client's side of TLS 1.3: which servers it trusts.</summary>
public sealed class TlsClient
{
    private readonly Func<X509Certificate2Collection>? _authorities;

    /// <param name="authorities">The only authorities that are trusted, e.g. a cell's own; null: those of the system.</param>
    public TlsClient(X509Certificate2Collection? authorities = null) => _authorities = authorities is null ? null : () => authorities;

    /// <param name="authorities">Asked at each connection, so that renewed ones count at the next; what it throws fails that connection.</param>
    public TlsClient(Func<X509Certificate2Collection> authorities) => _authorities = authorities;

    /// <summary>The name that the server's certificate must have; null: the host that was connected to.</summary>
    public string? ServerName { get; init; }

    /// <exception cref="IOException">The server isn't trusted, or speaks no TLS 1.3.</exception>
    internal async Task<Stream> AuthenticateAsync(Stream inner, string host, CancellationToken cancellation)
    {
        var tls = new SslStream(inner, leaveInnerStreamOpen: false);
        try
        {
            await tls.AuthenticateAsClientAsync(OptionsFor(host), cancellation);
            return tls;
        }
        catch (Exception e) when (e is AuthenticationException or CryptographicException or UnauthorizedAccessException)
        {
            await tls.DisposeAsync();
            throw new IOException($"TLS to {host} failed: {e.Message}", e);
        }
        catch (IOException e)
        {
            await tls.DisposeAsync();
            throw new IOException($"TLS to {host} failed: the connection ended in the handshake; maybe the server speaks no TLS", e);
        }
    }

    private SslClientAuthenticationOptions OptionsFor(string host)
    {
        var options = new SslClientAuthenticationOptions
        {
            TargetHost = ServerName ?? host,
            EnabledSslProtocols = SslProtocols.Tls13,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        };
        if (_authorities is not null)
        {
            options.CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
            };
            options.CertificateChainPolicy.CustomTrustStore.AddRange(_authorities());
        }

        return options;
    }
}

/// <summary>The server's side of TLS 1.3: what it shows who it is. Can be given another certificate while it serves; connections that stand keep theirs.</summary>
public sealed class TlsServer
{
    private SslStreamCertificateContext _certificate;

    /// <param name="certificate">With its private key.</param>
    /// <param name="intermediates">What links the certificate to an authority that clients trust. It is sent with it.</param>
    public TlsServer(X509Certificate2 certificate, X509Certificate2Collection? intermediates = null) => _certificate = Context(certificate, intermediates);

    /// <summary>Handshakes that begin from now on show this certificate.</summary>
    public void Replace(X509Certificate2 certificate, X509Certificate2Collection? intermediates = null) => Volatile.Write(ref _certificate, Context(certificate, intermediates));

    /// <summary>Nothing is fetched from outside to complete the chain.</summary>
    private static SslStreamCertificateContext Context(X509Certificate2 certificate, X509Certificate2Collection? intermediates) =>
        SslStreamCertificateContext.Create(certificate, intermediates, offline: true);

    /// <exception cref="IOException">The peer speaks no TLS 1.3.</exception>
    internal async Task<Stream> AuthenticateAsync(Stream inner, CancellationToken cancellation)
    {
        var tls = new SslStream(inner, leaveInnerStreamOpen: false);
        try
        {
            await tls.AuthenticateAsServerAsync(
                new SslServerAuthenticationOptions { ServerCertificateContext = Volatile.Read(ref _certificate), EnabledSslProtocols = SslProtocols.Tls13 },
                cancellation);
            return tls;
        }
        catch (AuthenticationException e)
        {
            await tls.DisposeAsync();
            throw new IOException($"TLS failed: {e.Message}", e);
        }
    }
}
