using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace Afs.Rpc;

/// <summary>The server's side of TLS 1.3.</summary>
/// <param name="certificate">With its private key.</param>
public sealed class TlsServer(X509Certificate2 certificate)
{
    private readonly SslStreamCertificateContext _certificate = SslStreamCertificateContext.Create(certificate, additionalCertificates: null, offline: true);

    /// <exception cref="IOException">The peer speaks no TLS 1.3.</exception>
    internal async Task<Stream> AuthenticateAsync(Stream inner, CancellationToken cancellation)
    {
        var tls = new SslStream(inner, leaveInnerStreamOpen: false);
        try
        {
            await tls.AuthenticateAsServerAsync(
                new SslServerAuthenticationOptions { ServerCertificateContext = _certificate, EnabledSslProtocols = SslProtocols.Tls13 },
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
