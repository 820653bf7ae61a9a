using System.CommandLine;
using Afs.CommandLines;
using Afs.Platform;
using Afs.Rpc;
using Afs.Telemetry;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Hosting;

/// <summary>`venus mount SERVER[/VOLUME] MOUNTPOINT --cache DIR …`.</summary>
internal static class MountCommand
{
    private static readonly Argument<string> Server = new("server") { Description = "host[:port][/volume] or unix:/path." };
    private static readonly Argument<string> MountPointPath = new("mountpoint") { Description = "An empty folder." };
    private static readonly Option<string?> Volume = new("--volume") { HelpName = "NAME", Description = $"The volume, where the server is unix:/path. Default: {ServerAddress.DefaultVolume}." };
    private static readonly Option<string> Cache = new("--cache") { HelpName = "DIR", Description = "The cache's folder, on a local disk. Made where it is missing.", Required = true };
    private static readonly Option<long?> CacheSize = new("--cache-size") { HelpName = "SIZE", Description = "The most that cached files may occupy, e.g. 500M. Default: 10G.", CustomParser = static argument => ByteCount.ParsePositive(argument) };
    private static readonly Option<int> CacheFiles = new Option<int>("--cache-files") { HelpName = "N", Description = "The most files in the cache.", DefaultValueFactory = _ => 500_000 }.Within(1, int.MaxValue);
    private static readonly Option<long?> CacheFree = new("--cache-free") { HelpName = "SIZE", Description = "What the cache leaves free on its disk for others, e.g. 1G. Default: 256M.", CustomParser = static argument => ByteCount.Parse(argument) };
    private static readonly Option<IoMode> Io = new("--io") { HelpName = "MODE", Description = "Who serves reads and writes: auto, passthrough or daemon. Default: auto." };
    private static readonly Option<bool> Foreground = new("--foreground", "-f") { Description = "Stay in the foreground." };
    private static readonly Option<bool?> AllowOther = new("--allow-other") { Description = "Other users may enter. Default as root." };
    private static readonly Option<bool> ReadOnly = new("--read-only") { Description = "Mount for reading only." };
    private static readonly Option<bool> Sync = new("--sync") { Description = "Each write is stored at the server before it returns. Not with --io passthrough." };
    private static readonly Option<TimeSpan> WriteBehind = new("--write-behind")
    {
        HelpName = "MAX-AGE",
        Description = "Changes are done when they are in this machine's log, and are at the server, in their order, at most so much later: 1s, 250ms. fsync and other machines wait for them. Not with --sync. Default: off.",
        CustomParser = static argument => WriteBehindAge.Parse(argument),
    };

    private static readonly Option<int> WriteBehindChanges = new Option<int>("--write-behind-changes") { HelpName = "N", Description = "The most changes that wait for the server.", DefaultValueFactory = _ => 32768 }.Within(1, 65536);
    private static readonly Option<long?> WriteBehindBytes = new("--write-behind-size") { HelpName = "SIZE", Description = "The most that their contents may be. Default: 256M.", CustomParser = static argument => ByteCount.ParsePositive(argument) };
    private static readonly Option<Cache.LocksMode> Locks = new("--locks")
    {
        HelpName = "MODE",
        Description = "Whose processes locks (flock, fcntl) exclude: local, those of this machine, or cell, those of all that have the volume mounted so.",
        DefaultValueFactory = _ => MountSettings.DefaultLocks,
    };

    private static readonly Option<bool> SetId = new("--suid") { Description = "Honour set-id bits of programs. Default: the mount is nosuid." };
    private static readonly Option<bool> Devices = new("--dev") { Description = "Let device nodes be opened. Default: the mount is nodev." };
    private static readonly Option<bool> NoExec = new("--noexec") { Description = "Let no program be run." };
    private static readonly Option<double> Timeout = new Option<double>("--timeout") { HelpName = "SECONDS", Description = "Seconds that an operation may wait for the server.", DefaultValueFactory = _ => 30 }.Within(0.1, 86400);
    private static readonly Option<DisconnectedMode> Disconnected = new("--disconnected")
    {
        HelpName = "MODE",
        Description = "What reads do while the server can't be reached: fail (with ETIMEDOUT), or serve what is cached, which may be old.",
    };

    private static readonly Option<bool> Force = new("--force") { Description = "Take away a stale mount of a dead daemon first." };
    private static readonly Option<LogLevel?> Level = new("--log-level") { HelpName = "LEVEL", Description = "Trace, Debug, Information, Warning, Error. Default: Information where somebody reads it." };
    private static readonly Option<string?> LogFile = new("--log-file") { HelpName = "FILE", Description = "Where a daemon in the background logs to." };
    private static readonly Option<bool> Tls = new("--tls") { Description = "Speak TLS 1.3 to the server. --tls-name and --tls-ca say so too." };
    private static readonly Option<string?> TlsName = new("--tls-name") { HelpName = "NAME", Description = "The name that the server's certificate must have." };
    private static readonly Option<string?> TlsAuthority = new("--tls-ca") { HelpName = "FILE", Description = "A file of certificates in PEM: the only authorities to trust." };
    private static readonly Option<string?> Admin = new("--admin") { HelpName = "ADDRESS:PORT", Description = "ADDRESS:PORT of /metrics and /healthz. Default: none." };
    private static readonly Option<string?> Collector = new("--otlp") { HelpName = "URL", Description = "URL of an OpenTelemetry collector that figures are sent to, e.g. http://127.0.0.1:4318. Default: none." };
    private static readonly Option<string?> CollectorHeadersFile = new("--otlp-headers-file") { HelpName = "FILE", Description = "File of headers that the collector asks for, one 'name: value' a line. Others may not read it." };
    private static readonly Option<string?> Configuration = ConfiguredCommandLine.CreateOption();

    public static Command Create()
    {
        var command = new Command("mount", "Mount a volume.")
        {
            Server, MountPointPath, Volume, Cache, CacheSize, CacheFiles, CacheFree, Io, Foreground, AllowOther, ReadOnly, Sync, WriteBehind, WriteBehindChanges, WriteBehindBytes, Locks, SetId, Devices, NoExec, Timeout, Force, Level, LogFile, Tls, TlsName,
            TlsAuthority, SupervisedOptions.Supervised, Disconnected, Admin, Collector, CollectorHeadersFile, Configuration, SupervisedOptions.Child, Background.ChildOption,
        };
        command.SetAction((parsed, cancellation) => RunAsync(parsed));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed)
    {
        MountSettings settings = Read(parsed);
        PrivateFolder.KeepNewFilesPrivate();
        if (settings is { IsSynchronous: true, Io: IoMode.Passthrough })
            throw new HostingException(ExitCode.Usage, "--sync and --io passthrough exclude each other: what passes through is not seen.");
        if (settings is { IsSynchronous: true, WriteBehind: not null })
            throw new HostingException(ExitCode.Usage, "--sync and --write-behind exclude each other: leave one of them out.");
        bool isSupervisor = parsed.GetValue(SupervisedOptions.Supervised) && settings.Supervision is null;
        Func<MountSettings, Action, Task<ExitCode>> run = isSupervisor ? Supervisor.RunAsync : MountDaemon.RunAsync;
        if (parsed.GetValue(Background.ChildOption))
            return await Background.RunChildAsync(settings, run);
        if (settings.Supervision is not null)
            return await Background.RunSupervisedAsync(settings);
        if (parsed.GetValue(Foreground))
            return (int)await run(settings, () => { });
        MountPoint.Check(settings.MountPoint, settings.Force);
        return await Background.StartAsync();
    }

    private static MountSettings Read(ParseResult parsed) => new()
    {
        Server = ServerAddress.Parse(parsed.GetRequiredValue(Server), parsed.GetValue(Volume)),
        MountPoint = MountedPath.Normalize(parsed.GetRequiredValue(MountPointPath)),
        CacheFolder = Path.GetFullPath(parsed.GetRequiredValue(Cache)),
        CacheBytes = parsed.GetValue(CacheSize) ?? MountSettings.DefaultCacheBytes,
        CacheFiles = parsed.GetValue(CacheFiles),
        CacheFreeBytes = parsed.GetValue(CacheFree) ?? MountSettings.DefaultCacheFreeBytes,
        Io = parsed.GetValue(Io),
        AllowOther = parsed.GetValue(AllowOther) ?? Environment.UserName == "root",
        IsReadOnly = parsed.GetValue(ReadOnly),
        IsSynchronous = parsed.GetValue(Sync),
        WriteBehind = parsed.GetValue(WriteBehind) is { Ticks: > 0 } age
            ? new Cache.WriteBehindOptions { MaxAge = age, MaxOperations = parsed.GetValue(WriteBehindChanges), MaxBytes = parsed.GetValue(WriteBehindBytes) ?? 256L << 20 }
            : null,
        Locks = parsed.GetValue(Locks),
        AllowSetId = parsed.GetValue(SetId),
        AllowDevices = parsed.GetValue(Devices),
        NoExec = parsed.GetValue(NoExec),
        Timeout = TimeSpan.FromSeconds(parsed.GetValue(Timeout)),
        Force = parsed.GetValue(Force),
        LogLevel = parsed.GetValue(Level) ?? (parsed.GetValue(Foreground) || parsed.GetValue(LogFile) is not null ? LogLevel.Information : LogLevel.Warning),
        LogFile = parsed.GetValue(LogFile),
        Supervision = Supervision.TryParse(parsed.GetValue(SupervisedOptions.Child)),
        Disconnected = parsed.GetValue(Disconnected),
        Admin = ReadAdmin(parsed),
        Tls = ReadTls(parsed),
    };

    /// <summary>Whoever says a word of TLS wants TLS: a mount in clear that looks like a guarded one is the worst of both.</summary>
    private static TlsSettings? ReadTls(ParseResult parsed)
    {
        string? name = parsed.GetValue(TlsName), authority = parsed.GetValue(TlsAuthority);
        if (!parsed.GetValue(Tls) && name is null && authority is null)
            return null;
        return ServerAddress.Parse(parsed.GetRequiredValue(Server), parsed.GetValue(Volume)).Endpoint is RpcEndpoint.Unix
            ? throw new HostingException(ExitCode.BadAddress, "TLS is for TCP. Who may use a Unix socket is said by its file's mode: leave --tls, --tls-name and --tls-ca out.")
            : new TlsSettings(name, authority);
    }

    private static AdminOptions ReadAdmin(ParseResult parsed) =>
        AdminOptions.TryParse(parsed.GetValue(Admin), parsed.GetValue(Collector), ReadHeaders(parsed.GetValue(CollectorHeadersFile)), out AdminOptions? options, out string? wrong)
            ? options
            : throw new HostingException(ExitCode.BadAddress, wrong);

    private static string? ReadHeaders(string? path)
    {
        if (path is null)
            return null;
        return SecretFile.TryRead(path, CollectorHeaders.MostFileBytes, out string? text, out string? wrong)
            ? text
            : throw new HostingException(ExitCode.BadAddress, $"--otlp-headers-file: {wrong}");
    }
}

/// <summary>How long changes may wait for the server, as people write it.</summary>
internal static class WriteBehindAge
{
    private const string Off = "off";
    private static readonly TimeSpan Least = TimeSpan.FromMilliseconds(10), Most = TimeSpan.FromMinutes(1);

    /// <summary>Zero: off.</summary>
    public static TimeSpan Parse(System.CommandLine.Parsing.ArgumentResult argument)
    {
        string text = argument.Tokens[0].Value;
        if (text == Off)
            return TimeSpan.Zero;
        if (TryParse(text) is { } age && age >= Least && age <= Most)
            return age;
        argument.AddError($"--write-behind {OneLine.Of(text)} is neither off nor a time from 10ms to 60s, as 1s or 250ms.");
        return TimeSpan.Zero;
    }

    private static TimeSpan? TryParse(string text)
    {
        (string number, double unitMs) = text.EndsWith("ms", StringComparison.Ordinal) ? (text[..^2], 1.0) : text.EndsWith('s') ? (text[..^1], 1000.0) : (text, 1000.0);
        return double.TryParse(number, System.Globalization.NumberStyles.AllowDecimalPoint, System.Globalization.CultureInfo.InvariantCulture, out double value) && value * unitMs <= Most.TotalMilliseconds
            ? TimeSpan.FromMilliseconds(value * unitMs)
            : null;
    }
}
