using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Afs.Platform;
using Afs.Rpc;
using Microsoft.Extensions.Logging;

namespace Afs.Vice.Hosting;

/// <summary>
/// The server's certificate, its chain and its private key in PEM files, as a certificate authority's tools write them: the server's own certificate first, then what
/// links it to the authority. The files are read again when they change. One owner calls it, from one thread at a time.
/// </summary>
public sealed partial class ServerCertificate
{
    private readonly string _certificatePath;
    private readonly string _keyPath;
    private string _loaded;
    private string _refused = "";

    private ServerCertificate(string certificatePath, string keyPath)
    {
        (_certificatePath, _keyPath) = (certificatePath, keyPath);
        _loaded = Stamp();
        (X509Certificate2 certificate, X509Certificate2Collection chain) = Read();
        Tls = new TlsServer(certificate, chain);
    }

    public TlsServer Tls { get; }

    /// <param name="keyPath">Null: the key is in the certificate's file.</param>
    /// <exception cref="StartException">The files can't be used; the message says why, and what to do.</exception>
    public static ServerCertificate Load(string certificatePath, string? keyPath)
    {
        try
        {
            return new ServerCertificate(certificatePath, keyPath ?? certificatePath);
        }
        catch (Exception e) when (IsUnusable(e))
        {
            throw new StartException($"Cannot use the certificate {certificatePath}: {e.Message}", e);
        }
    }

    /// <summary>
    /// Takes the files as they are now, if they changed. Files that can't be used, e.g. because only one of the two is written yet, change nothing: it is said once, and
    /// they are looked at again.
    /// </summary>
    public void ReloadIfChanged(ILogger log)
    {
        string stamp = Stamp();
        if (stamp == _loaded)
            return;
        try
        {
            (X509Certificate2 certificate, X509Certificate2Collection chain) = Read();
            Tls.Replace(certificate, chain);
            _loaded = stamp;
            LogReloaded(log, _certificatePath, certificate.NotAfter.ToUniversalTime());
        }
        catch (Exception e) when (IsUnusable(e))
        {
            if (_refused != stamp)
                LogRefused(log, _certificatePath, e.Message);
            _refused = stamp;
        }
    }

    private (X509Certificate2 Certificate, X509Certificate2Collection Chain) Read()
    {
        if (SecretFile.FindObjection(_keyPath) is { } objection)
            throw new CryptographicException(objection);
        var chain = new X509Certificate2Collection();
        chain.ImportFromPemFile(_certificatePath);
        X509Certificate2 certificate = X509Certificate2.CreateFromPemFile(_certificatePath, _keyPath);
        return (certificate, [.. chain.Skip(1)]);
    }

    /// <summary>Changes with the files: they may be written in place, or replaced by rename, also behind a symlink.</summary>
    private string Stamp() => string.Join(' ', new[] { _certificatePath, _keyPath }.Select(path =>
    {
        var file = new FileInfo(path);
        FileSystemInfo target = Target(file);
        return target.Exists ? $"{target.FullName} {target.LastWriteTimeUtc.Ticks} {((FileInfo)target).Length}" : "none";
    }));

    private static FileSystemInfo Target(FileInfo file)
    {
        try
        {
            return file.ResolveLinkTarget(returnFinalTarget: true) ?? file;
        }
        catch (IOException)
        {
            return file; // A link without an end: Read says what is wrong.
        }
    }

    private static bool IsUnusable(Exception e) => e is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException;

    [LoggerMessage(EventId = 4010, Level = LogLevel.Information, Message = "The certificate {Path} was read again; it is valid to {NotAfter:u}")]
    private static partial void LogReloaded(ILogger log, string path, DateTime notAfter);

    [LoggerMessage(EventId = 4011, Level = LogLevel.Error, Message = "The certificate {Path} changed and can't be used: {Reason}. The one before serves on, and the files are looked at again")]
    private static partial void LogRefused(ILogger log, string path, string reason);
}
