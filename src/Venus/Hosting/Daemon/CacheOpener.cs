using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Afs.Rpc;
using Afs.Venus.Cache;
using Afs.Venus.Servers;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Hosting;

/// <summary>Opens the cache of a mount and connects it, and turns failures into what the user is told.</summary>
internal static class CacheOpener
{
    /// <exception cref="HostingException">The folder can't be used, the server can't be reached, or it has no such volume.</exception>
    public static async Task<VenusCache> OpenAsync(
        MountSettings settings, SupervisedMount? supervised, TimeProvider time, ILogger log, CancellationToken cancellation)
    {
        var options = new CacheOptions
        {
            VolumeName = settings.Server.Volume,
            Limits = new CacheLimits { MostBytes = settings.CacheBytes, MostFiles = settings.CacheFiles, ReservedFreeBytes = settings.CacheFreeBytes },
            Times = new CallTimes { Call = settings.Timeout },
            ReadsWhileArriving = supervised is null,
            BeginsWithoutServer = supervised is { IsTakeOver: true },
            ServesDisconnected = settings.Disconnected == DisconnectedMode.Serve,
        };
        var transport = new SocketTransport(new SocketTransportOptions { ClientTls = ReadTls(settings.Tls) });
        try
        {
            Result<VenusCache> opened = await VenusCache.OpenAsync(
                settings.CacheFolder, settings.Server.Endpoint, transport, options, supervised is { IsTakeOver: true } ? supervised.Records.ReadHeld() : [], time, new Random(), log,
                cancellation);
            return opened.IsSuccess ? opened.Value : throw Explain(settings, opened.Failure);
        }
        catch (CacheFolderException e)
        {
            throw new HostingException(e.IsInUse ? ExitCode.InUse : ExitCode.CacheUnusable, e.Message, e);
        }
        catch (RpcRefusedException e)
        {
            throw new HostingException(ExitCode.Failed, $"The server {settings.Server.Endpoint} refuses: {e.Message}", e);
        }
        catch (RpcEndpointException e)
        {
            throw new HostingException(ExitCode.BadAddress, e.Message, e);
        }
    }

    private static HostingException Explain(MountSettings settings, Failure failure) => failure.Kind switch
    {
        FailureKind.Refused when failure.Abort == AbortCodes.NoVolume =>
            new HostingException(ExitCode.NoSuchVolume, $"The server {settings.Server.Endpoint} has no volume '{settings.Server.Volume}'."),
        FailureKind.Unreachable =>
            new HostingException(ExitCode.ServerUnreachable, $"The server {settings.Server.Endpoint} can't be reached within {settings.Timeout.TotalSeconds} s."),
        FailureKind.Interrupted => new HostingException(ExitCode.Failed, "Ended by a signal before the mount was up."),
        _ => new HostingException(ExitCode.Failed, $"The server {settings.Server.Endpoint} refuses: {failure}."),
    };

    private static TlsClient? ReadTls(TlsSettings? tls)
    {
        if (tls is null)
            return null;
        if (tls.AuthorityFile is null)
            return new TlsClient { ServerName = tls.ServerName };
        var authorities = new X509Certificate2Collection();
        try
        {
            authorities.ImportFromPemFile(tls.AuthorityFile);
        }
        catch (Exception e) when (e is IOException or CryptographicException or UnauthorizedAccessException)
        {
            throw new HostingException(ExitCode.Failed, $"The certificates in {tls.AuthorityFile} can't be read: {e.Message}", e);
        }

        return new TlsClient(authorities) { ServerName = tls.ServerName };
    }
}
