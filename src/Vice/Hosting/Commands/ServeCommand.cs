using System.CommandLine;
using System.Text;
using Afs.CommandLines;
using Afs.Platform;
using Afs.Rpc;
using Afs.Telemetry;
using Afs.Vice.Service;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Vice.Hosting.Commands;

/// <summary>The program's commands.</summary>
public static class ViceCommandLine
{
    public static async Task<int> RunAsync(string[] args)
    {
        var root = new RootCommand("The file server. Exit codes: 0 done; 1 problems found, or no answer; 2 wrong command line or configuration; 3 cannot start; 4 the server broke.")
        {
            ServeCommand.Create(),
            StatusCommand.Create(),
            SalvageCommand.Create(),
            ScrubCommand.Create(),
            VersionsCommand.Create(),
            DropCommand.Create(),
        };
        // Signals are the server's own; the library would end the process before it has drained.
        var configuration = new InvocationConfiguration { ProcessTerminationTimeout = null, EnableDefaultExceptionHandler = false };
        try
        {
            ParseResult parsed = ConfiguredCommandLine.Parse(root, args);
            if (WrongUsage.Find("vice", parsed) is not { } wrong)
                return await parsed.InvokeAsync(configuration);
            Console.Error.WriteLine($"vice: {wrong}");
            return ExitCode.Usage;
        }
        catch (StartException e)
        {
            Console.Error.WriteLine($"vice: {e.Message}");
            return ExitCode.CannotStart;
        }
        catch (ConfigurationException e)
        {
            Console.Error.WriteLine($"vice: {e.Message}");
            return ExitCode.Usage;
        }
    }
}

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
    private static readonly Option<string?> TlsCertificate = new("--tls-cert") { HelpName = "FILE", Description = "PEM file of the certificate and its chain: TCP is TLS 1.3 only. Read again when it changes." };
    private static readonly Option<string?> TlsKey = new("--tls-key") { HelpName = "FILE", Description = "PEM file of the private key; default: in the certificate's file." };
    private static readonly Option<string?> ReadyFile = new("--ready-file") { HelpName = "FILE", Description = "Written, with the addresses, once the server takes calls." };
    private static readonly Option<LogLevel> Level = new("--log-level") { HelpName = "LEVEL", Description = "Debug, Information, Warning or Error.", DefaultValueFactory = _ => LogLevel.Information };
    private static readonly Option<string?> Admin = new("--admin") { HelpName = "ADDRESS:PORT", Description = "ADDRESS:PORT of the live page, /metrics and /healthz; whoever reaches it reads names and figures. Default: none." };
    private static readonly Option<string?> Collector = new("--otlp") { HelpName = "URL", Description = "URL of an OpenTelemetry collector that figures are sent to, e.g. http://127.0.0.1:4318. Default: none." };
    private static readonly Option<string?> CollectorHeadersFile = new("--otlp-headers-file") { HelpName = "FILE", Description = "File of headers that the collector asks for, one 'name: value' a line. Others may not read it." };
    private static readonly Option<string?> Configuration = ConfiguredCommandLine.CreateOption();

    public static Command Create()
    {
        var command = new Command("serve", "Serves the volumes of a folder, until SIGTERM or SIGINT.")
        {
            Data, Listen, VolumeName, LeaseMs, DrainMs, MostPromises, TlsCertificate, TlsKey, ReadyFile, Level, Admin, Collector, CollectorHeadersFile, Configuration,
        };
        command.SetAction((parsed, _) => RunAsync(parsed));
        return command;
    }

    private static Task<int> RunAsync(ParseResult parsed)
    {
        ServeOptions options = Read(parsed);
        PrivateFolder.KeepNewFilesPrivate();
        return ServerHost.RunAsync(options, parsed.GetValue(Level));
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
            Certificate = ReadCertificate(parsed.GetValue(TlsCertificate), parsed.GetValue(TlsKey)),
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
        AdminOptions.TryParse(parsed.GetValue(Admin), parsed.GetValue(Collector), ReadHeaders(parsed.GetValue(CollectorHeadersFile)), out AdminOptions? options, out string? wrong)
            ? options
            : throw new StartException(wrong);

    private static string? ReadHeaders(string? path)
    {
        if (path is null)
            return null;
        return SecretFile.TryRead(path, CollectorHeaders.MostFileBytes, out string? text, out string? wrong)
            ? text
            : throw new StartException($"--otlp-headers-file: {wrong}");
    }

    private static ServerCertificate? ReadCertificate(string? certificate, string? key) => (certificate, key) switch
    {
        (null, null) => null,
        (null, _) => throw new StartException("--tls-key needs --tls-cert."),
        _ => ServerCertificate.Load(certificate, key),
    };
}
