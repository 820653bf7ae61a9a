using System.Diagnostics;
using Afs.Bench.Macro.Machine;

namespace Afs.Bench.Macro.Cells;

/// <summary>A client: its mount and its cache, both in a temporary folder.</summary>
public sealed class VenusClient : IDisposable
{
    private const int MountTimeoutMs = 30_000;
    private const int UnmountTimeoutMs = 20_000;

    private readonly string _program;
    private readonly string _server;
    private readonly string _io;
    private readonly string[] _more;
    private readonly string _cache;
    private readonly string _logFile;
    private DaemonProcess? _daemon;

    public VenusClient(string program, string server, string io, string directory, string name, params string[] more)
    {
        _program = program;
        _server = server;
        _io = io;
        _more = more;
        MountPoint = Path.Combine(directory, name);
        _cache = Path.Combine(directory, name + "-cache");
        _logFile = Path.Combine(directory, name + ".log");
        Directory.CreateDirectory(MountPoint);
        Start();
    }

    public string MountPoint { get; }

    public Process Process => (_daemon ?? throw new InvalidOperationException("Not mounted.")).Process;

    public VenusFigures ReadFigures() => VenusFigures.Read(_program, MountPoint);

    public void RestartWithEmptyCache()
    {
        Stop();
        Directory.Delete(_cache, recursive: true);
        Start();
    }

    public void Dispose() => Stop();

    private void Start()
    {
        Directory.CreateDirectory(_cache);
        _daemon = new DaemonProcess(
            Path.GetFileName(MountPoint),
            _program,
            ["mount", _server, MountPoint, "--cache", _cache, "--foreground", "--io", _io, .. _more],
            _logFile);
        try
        {
            _daemon.WaitUntil(() => MountTable.IsMountPoint(MountPoint), MountTimeoutMs);
        }
        catch
        {
            Stop();
            throw;
        }
    }

    private void Stop()
    {
        if (_daemon is not { } daemon)
            return;
        _daemon = null;
        if (!daemon.Process.HasExited)
            ShellCommand.Try(_program, ["unmount", MountPoint], timeoutMs: UnmountTimeoutMs);
        daemon.WaitForExit(UnmountTimeoutMs);
        daemon.Dispose();
        if (MountTable.IsMountPoint(MountPoint))
            ShellCommand.Try("umount", ["-l", MountPoint], timeoutMs: UnmountTimeoutMs);
    }
}
