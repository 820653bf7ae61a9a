using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace Afs.Rpc;

/// <summary>The client's side of TLS 1.3: which servers it trusts.</summary>
public sealed class TlsClient
{
    private readonly X509Certificate2Collection? _authorities;

    /// <param name="authorities">The only authorities that are trusted, e.g. a cell's own; null: those of the system.</param>
    public TlsClient(X509Certificate2Collection? authorities = null) => _authorities = authorities;

    /// <summary>The name that the server's certificate must have; null: the host that was connected to.</summary>
    public string? ServerName { get; init; }

    /// <exception cref="IOException">The server isn't trusted, or speaks no TLS 1.3.</exception>
    internal async Task<Stream> AuthenticateAsync(Stream inner, string host, CancellationToken cancellation)
    {
        var tls = new SslStream(inner, leaveInnerStreamOpen: false);
        try
        {
            await tls.AuthenticateAsClientAsync(Options(host), cancellation);
            return tls;
        }
        catch (AuthenticationException e)
        {
            await tls.DisposeAsync();
            throw new IOException($"TLS to {host} failed: {e.Message}", e);
        }
    }

    private SslClientAuthenticationOptions Options(string host)
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
            options.CertificateChainPolicy.CustomTrustStore.AddRange(_authorities);
        }

        return options;
    }
}
