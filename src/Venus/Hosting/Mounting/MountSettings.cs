using Afs.CommandLines;
using Afs.Rpc;
using Afs.Telemetry;
using Afs.Venus.Vfs;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Hosting;

/// <summary>All that `venus mount` was told.</summary>
public sealed record MountSettings
{
    public const long DefaultCacheBytes = 10L << 30;
    public const long DefaultCacheFreeBytes = 256L << 20;
    public const Cache.LocksMode DefaultLocks = Cache.LocksMode.Local;

    public required ServerAddress Server { get; init; }

    /// <summary>Absolute.</summary>
    public required string MountPoint { get; init; }

    /// <summary>Absolute.</summary>
    public required string CacheFolder { get; init; }

    public long CacheBytes { get; init; } = DefaultCacheBytes;

    public int CacheFiles { get; init; } = 500_000;

    /// <summary>What the cache leaves free on its disk for others.</summary>
    public long CacheFreeBytes { get; init; } = DefaultCacheFreeBytes;

    public IoMode Io { get; init; }

    public bool AllowOther { get; init; }

    public bool IsReadOnly { get; init; }

    /// <summary>Each write is stored at the server before it returns; the daemon serves reads and writes then.</summary>
    public bool IsSynchronous { get; init; }

    /// <summary>Changes are made here first, and sent to the server in their order. Null: each waits for the server.</summary>
    internal Cache.WriteBehindOptions? WriteBehind { get; init; }

    /// <summary>Whose processes locks exclude.</summary>
    public Cache.LocksMode Locks { get; init; } = DefaultLocks;

    /// <summary>Set-id bits of programs on the mount count. Only who trusts everybody that reaches the server wants this.</summary>
    public bool AllowSetId { get; init; }

    /// <summary>Device nodes on the mount can be opened. Only who trusts everybody that reaches the server wants this.</summary>
    public bool AllowDevices { get; init; }

    public bool NoExec { get; init; }

    /// <summary>How long an operation may wait for the server before it fails with ETIMEDOUT.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Take away a stale mount that stands at the mount point.</summary>
    public bool Force { get; init; }

    public LogLevel LogLevel { get; init; } = LogLevel.Information;

    /// <summary>Where a daemon in the background logs to; null: nowhere.</summary>
    public string? LogFile { get; init; }

    public DisconnectedMode Disconnected { get; init; }

    /// <summary>Null: no supervisor started this daemon.</summary>
    public Supervision? Supervision { get; init; }

    /// <summary>What is shown of the mount, and to whom.</summary>
    public AdminOptions Admin { get; init; } = new();

    /// <summary>Null: no TLS.</summary>
    public TlsSettings? Tls { get; init; }
}

/// <summary>Which volume of which server: <c>host[:port][/volume]</c>, or <c>unix:/path</c> with the volume given apart.</summary>
public sealed record ServerAddress(RpcEndpoint Endpoint, string Volume)
{
    public const int DefaultPort = 7000;
    public const string DefaultVolume = "root";

    private const string UnixPrefix = "unix:";

    public override string ToString() => $"{Endpoint}/{Volume}";

    /// <exception cref="HostingException">It is no address.</exception>
    public static ServerAddress Parse(string text, string? volume)
    {
        string server = text;
        if (!text.StartsWith(UnixPrefix, StringComparison.Ordinal) && text.IndexOf('/') is var slash && slash >= 0)
        {
            string named = text[(slash + 1)..];
            if (volume is not null && volume != named)
                throw new HostingException(ExitCode.BadAddress, $"'{text}' names another volume than --volume {volume}.");
            (server, volume) = (text[..slash], named);
        }

        volume ??= DefaultVolume;
        if (volume.Length == 0 || volume.Contains('/'))
            throw new HostingException(ExitCode.BadAddress, $"'{volume}' is no volume name.");
        return new ServerAddress(ParseEndpoint(server), volume);
    }

    private static RpcEndpoint ParseEndpoint(string server)
    {
        try
        {
            bool hasPort = server.StartsWith(UnixPrefix, StringComparison.Ordinal) || server.LastIndexOf(':') > server.LastIndexOf(']');
            return RpcEndpoint.Parse(hasPort ? server : $"{server}:{DefaultPort}");
        }
        catch (RpcEndpointException e)
        {
            throw new HostingException(ExitCode.BadAddress, e.Message, e);
        }
    }
}

/// <summary>TLS 1.3 to the server.</summary>
/// <param name="ServerName">The name that the server's certificate must have; null: the address's host.</param>
/// <param name="AuthorityFile">Certificates in PEM of the only authorities to trust; null: those of the machine.</param>
public sealed record TlsSettings(string? ServerName, string? AuthorityFile);

/// <summary>Who serves read and write of a cached file.</summary>
public enum IoMode
{
    /// <summary>The kernel where it can, else the daemon.</summary>
    Auto,

    /// <summary>The kernel, straight from the container; the mount is refused where that can't be.</summary>
    Passthrough,

    Daemon,
}

/// <summary>What becomes of reads while the server can't be reached, and the lease has ended.</summary>
public enum DisconnectedMode
{
    /// <summary>They wait for the server, and fail with ETIMEDOUT.</summary>
    Fail,

    /// <summary>They get what is cached, which may be old.</summary>
    Serve,
}

/// <summary>Checks a mount point before anything is started.</summary>
internal static class MountPoint
{
    /// <exception cref="HostingException">It can't be mounted on; the message says why.</exception>
    public static void Check(string path, bool force)
    {
        if (StaleDaemon.Left(path))
            TakeAwayStale(path, force);
        if (File.Exists(path))
            throw new HostingException(ExitCode.BadMountPoint, $"{path} is not a folder.");
        if (!Directory.Exists(path))
            throw new HostingException(ExitCode.BadMountPoint, $"{path} does not exist.");
        if (!IsEmpty(path))
            throw new HostingException(ExitCode.BadMountPoint, $"{path} is not empty, or something is mounted there.");
        if (!File.Exists("/dev/fuse"))
            throw new HostingException(ExitCode.NoFuse, "There is no /dev/fuse: load the fuse module, or give the container the device.");
    }

    private static void TakeAwayStale(string path, bool force)
    {
        if (!force)
            throw new HostingException(ExitCode.StaleMount, $"At {path} stands a mount whose daemon died; --force takes it away.");
        if (!StaleDaemon.TryTakeAway(path))
            throw new HostingException(ExitCode.StaleMount, $"The stale mount at {path} can't be taken away.");
    }

    private static bool IsEmpty(string path)
    {
        try
        {
            return !Directory.EnumerateFileSystemEntries(path).Any();
        }
        catch (UnauthorizedAccessException e)
        {
            throw new HostingException(ExitCode.NoPermission, $"{path} can't be read.", e);
        }
        catch (IOException e)
        {
            throw new HostingException(ExitCode.BadMountPoint, $"{path} can't be read: {e.Message}", e);
        }
    }
}

/// <summary>A mount that a daemon left when it died.</summary>
internal static class StaleDaemon
{
    /// <summary>The daemon of the mount has died. One that lives and doesn't answer is waited for.</summary>
    public static bool Left(string path) => IsKilled(path) || KernelMount.IsStale(path);

    /// <summary>Takes the mount away, with what the daemon left.</summary>
    public static bool TryTakeAway(string path)
    {
        string socket = ControlSocket.PathOf(path);
        bool isAway = IsKilled(path) ? KernelMount.TryCutOff(path) : KernelMount.TryTakeAwayStale(path);
        if (isAway)
            File.Delete(socket);
        return isAway;
    }

    /// <summary>Its connection stands, and so nothing of the mount itself may be asked.</summary>
    private static bool IsKilled(string path) => ControlClient.IsLeftBehind(ControlSocket.PathOf(path)) && Fuse.FuseKeeper.FindConnection(path) is not null;
}

/// <summary>Paths of mounts, in the one form in which they name a daemon.</summary>
internal static class MountedPath
{
    /// <summary>Absolute, without a slash at its end, and without a link at its end.</summary>
    /// <exception cref="HostingException">Its links lead nowhere.</exception>
    public static string Normalize(string path)
    {
        try
        {
            string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
            return new FileInfo(full).LinkTarget is null ? full : Path.TrimEndingDirectorySeparator(Path.GetFullPath(new DirectoryInfo(full).ResolveLinkTarget(returnFinalTarget: true)!.FullName));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new HostingException(ExitCode.BadMountPoint, $"'{OneLine.Of(path)}' is no path of a folder: {e.Message}", e);
        }
    }

    /// <summary>The mount that a path lies in: the nearest folder above, or itself, that a daemon's socket stands for. Null: none.</summary>
    public static string? FindMountOf(string path)
    {
        for (string? folder = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)); folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (File.Exists(ControlSocket.PathOf(folder)))
                return folder;
        }

        return null;
    }
}

/// <summary>Something that the user must put right. The message is one line, for them.</summary>
public sealed class HostingException(ExitCode code, string message, Exception? inner = null) : ControlException(code, message, inner);
