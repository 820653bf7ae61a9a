using System.CommandLine;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Afs.CommandLines;
using Afs.Daemons;
using Afs.Rpc;
using Afs.Telemetry;
using Afs.Vice.Service;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Vice.Hosting.Commands;

/// <summary><c>vice serve</c>.</summary>
internal static class ServeCommand
{
    private const string DefaultEndpoint = "127.0.0.1:7000";

    private static readonly Option<string> Data = new("--data") { HelpName = "DIR", Required = true, Description = "The server's folder. Made where it isn't there." };
    private static readonly Option<string[]> Listen = new("--listen") { HelpName = "ADDRESS", Description = $"HOST:PORT or unix:/path; may be repeated. Default {DefaultEndpoint}." };
    private static readonly Option<string> VolumeName = new("--volume-name") { HelpName = "NAME", Description = "The volume to make where it isn't there.", DefaultValueFactory = _ => "root" };
    private static readonly Option<int> LeaseMs = new Option<int>("--lease-ms") { HelpName = "MS", Description = "How long clients trust their caches without contact.", DefaultValueFactory = _ => 10_000 }.Within(1, int.MaxValue);
    private static readonly Option<int> DrainMs = new Option<int>("--drain-ms") { HelpName = "MS", Description = "How long running calls may take to end at a stop.", DefaultValueFactory = _ => 5_000 }.Within(0, int.MaxValue);
    private static readonly Option<int> MostPromises = new Option<int>("--promises") { HelpName = "N", Description = "Promises held before the oldest are broken.", DefaultValueFactory = _ => 1_000_000 }.Within(1, int.MaxValue);
    private static readonly Option<string?> TlsCertificate = new("--tls-cert") { HelpName = "FILE", Description = "PEM file: TCP is TLS 1.3 only." };
    private static readonly Option<string?> TlsKey = new("--tls-key") { HelpName = "FILE", Description = "PEM file of the private key; default: in the certificate's file." };
    private static readonly Option<string?> ReadyFile = new("--ready-file") { HelpName = "FILE", Description = "Written, with the addresses, once the server takes calls." };
    private static readonly Option<LogLevel> Level = new("--log-level") { HelpName = "LEVEL", Description = "Debug, Information, Warning or Error.", DefaultValueFactory = _ => LogLevel.Information };
    private static readonly Option<string?> Admin = new("--admin") { HelpName = "ADDRESS:PORT", Description = "ADDRESS:PORT of the live page, /metrics and /healthz; whoever reaches it reads names and figures. Default: none." };
    private static readonly Option<string?> Collector = new("--otlp") { HelpName = "URL", Description = "URL of an OpenTelemetry collector that figures are sent to, e.g. http://127.0.0.1:4318. Default: none." };
    private static readonly Option<string?> Configuration = ConfiguredCommandLine.CreateOption();

    public static Command Create()
    {
        var command = new Command("serve", "Serves the volumes of a folder, until SIGTERM or SIGINT.")
        {
            Data, Listen, VolumeName, LeaseMs, DrainMs, MostPromises, TlsCertificate, TlsKey, ReadyFile, Level, Admin, Collector, Configuration,
        };
        command.SetAction((parsed, _) => RunAsync(parsed));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed)
    {
        ServeOptions options = Read(parsed);
        using ILoggerFactory logs = DaemonLog.Create(parsed.GetValue(Level));
        using var signals = new StopSignals();
        return await new ServerHost(options, logs.CreateLogger("vice")).RunAsync(signals.Stop);
    }

    private static ServeOptions Read(ParseResult parsed)
    {
        string volume = parsed.GetValue(VolumeName)!;
        if (volume.Length == 0 || Encoding.UTF8.GetByteCount(volume) > Limits.VolumeNameBytes)
            throw new StartException($"A volume's name has 1 to {Limits.VolumeNameBytes} bytes.");
        string[] listen = parsed.GetValue(Listen) is { Length: > 0 } given ? given : [DefaultEndpoint];
        return new ServeOptions
        {
            Data = parsed.GetValue(Data)!,
            Listen = [.. listen.Select(ParseEndpoint)],
            Tls = ReadTls(parsed.GetValue(TlsCertificate), parsed.GetValue(TlsKey)),
            Drain = TimeSpan.FromMilliseconds(parsed.GetValue(DrainMs)),
            ReadyFile = parsed.GetValue(ReadyFile),
            Admin = ReadAdmin(parsed),
            Vice = new ViceOptions
            {
                VolumeName = volume,
                Lease = TimeSpan.FromMilliseconds(parsed.GetValue(LeaseMs)),
                MostPromises = parsed.GetValue(MostPromises),
                RootUid = Account.EffectiveUserId,
                RootGid = Account.EffectiveGroupId,
            },
        };
    }

    public static RpcEndpoint ParseEndpoint(string text)
    {
        try
        {
            return RpcEndpoint.Parse(text);
        }
        catch (RpcEndpointException e)
        {
            throw new StartException(e.Message, e);
        }
    }

    private static AdminOptions ReadAdmin(ParseResult parsed) =>
        AdminOptions.TryParse(parsed.GetValue(Admin), parsed.GetValue(Collector), out AdminOptions? options, out string? wrong) ? options : throw new StartException(wrong);

    private static TlsServer? ReadTls(string? certificate, string? key)
    {
        if (certificate is null)
            return key is null ? null : throw new StartException("--tls-key needs --tls-cert.");
        try
        {
            return new TlsServer(X509Certificate2.CreateFromPemFile(certificate, key));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new StartException($"Cannot use the certificate {certificate}: {e.Message}", e);
        }
    }
}
