using System.Text.Json;

namespace Afs.Mount.Tests.Kit;

/// <summary>One Venus: its own cache folder, and a mount.</summary>
internal sealed class Client : IDisposable
{
    /// <summary>Given to each mount of a run, for another mode: "--write-behind 1s".</summary>
    private static readonly string[] EverywhereOptions = (Environment.GetEnvironmentVariable("AFS_MOUNT_OPTIONS") ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private const string ProbeCall = "probe";
    private const int MostStatusAttempts = 40;
    private static readonly TimeSpan StatusPause = TimeSpan.FromMilliseconds(100);
    private static readonly string[] DefaultTimeout = ["--timeout", "10"];

    private readonly string[] _arguments;
    private Daemon _daemon;

    private Client(string server, string folder, int? openFiles, string[] options)
    {
        MountPoint = Path.Combine(folder, "mnt");
        Cache = Path.Combine(folder, "cache");
        Directory.CreateDirectory(MountPoint);
        _arguments = ["mount", server, MountPoint, "--cache", Cache, "--foreground", .. options.Contains("--timeout") ? [] : DefaultTimeout, .. EverywhereOptions, .. options];
        _daemon = openFiles is { } limit
            ? new Daemon("/usr/bin/prlimit", [$"--nofile={limit}:{limit}", "setpriv", "--bounding-set=-sys_resource", "--inh-caps=-sys_resource", Path.Combine(AppContext.BaseDirectory, "venus"), .. _arguments])
            : new Daemon("venus", _arguments);
    }

    public string MountPoint { get; }

    public string Cache { get; }

    public Daemon Daemon => _daemon;

    public static async Task<Client> MountAsync(string server, string folder, int? openFiles, params string[] options)
    {
        var client = new Client(server, folder, openFiles, options);
        await client.WaitUntilUpAsync();
        return client;
    }

    /// <summary>A path below the mount point.</summary>
    public string this[string path] => Path.Combine(MountPoint, path);

    /// <summary>A new daemon on the same cache and mount point, after the last one ended.</summary>
    public async Task StartAgainAsync()
    {
        MountTable.TakeAway(MountPoint);
        _daemon.Dispose();
        _daemon = new Daemon("venus", _arguments);
        await WaitUntilUpAsync();
    }

    /// <summary>A daemon listens for commands a moment after its mount stands.</summary>
    public JsonElement ReadStatus()
    {
        CommandResult result = Commands.Run(Path.Combine(AppContext.BaseDirectory, "venus"), "status", MountPoint, "--json");
        for (int attempt = 1; result.ExitCode != 0 && attempt < MostStatusAttempts; attempt++)
        {
            Thread.Sleep(StatusPause);
            result = Commands.Run(Path.Combine(AppContext.BaseDirectory, "venus"), "status", MountPoint, "--json");
        }
        Assert.True(result.ExitCode == 0, result.Errors + _daemon.Output);
        return JsonDocument.Parse(result.Output).RootElement[0];
    }

    /// <summary>Null while no daemon answers.</summary>
    public JsonElement? TryReadStatus()
    {
        CommandResult result = Commands.Run(Path.Combine(AppContext.BaseDirectory, "venus"), "status", MountPoint, "--json");
        return result.ExitCode == 0 ? JsonDocument.Parse(result.Output).RootElement[0] : null;
    }

    /// <summary>Calls to the server so far, but for those that renew the lease.</summary>
    public long CountCalls() => ReadStatus().GetProperty("calls").EnumerateObject().Where(c => c.Name != ProbeCall).Sum(c => c.Value.GetInt64());

    public CommandResult Unmount(params string[] options) =>
        Commands.Run(Path.Combine(AppContext.BaseDirectory, "venus"), ["unmount", MountPoint, .. options]);

    public void Dispose()
    {
        if (!_daemon.HasEnded && MountTable.IsMounted(MountPoint))
            Unmount("--force");
        _daemon.Dispose();
        MountTable.TakeAway(MountPoint);
    }

    private Task WaitUntilUpAsync() => _daemon.WaitUntilAsync(() => MountTable.IsMounted(MountPoint));
}
