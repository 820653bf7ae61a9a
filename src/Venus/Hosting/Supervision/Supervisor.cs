using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Afs.Daemons;
using Afs.Fuse;
using Afs.Platform;
using Afs.Venus.Vfs;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace Afs.Venus.Hosting;

/// <summary>
/// Keeps a mount alive over the deaths of its daemons: holds the descriptor of /dev/fuse, starts a daemon, and another when it dies while the mount
/// stands. Requests wait meanwhile. It ends with the mount, with the exit code of its last daemon.
/// </summary>
internal sealed partial class Supervisor(MountSettings settings, FuseKeeper keeper, ILogger log) : IDisposable
{
    /// <summary>For a daemon that takes over. It waits for no server.</summary>
    private static readonly TimeSpan TakeOverLimit = TimeSpan.FromSeconds(30);

    private readonly SupervisorSignals _signals = new();
    private readonly RestartLimit _limit = new(new BootTimeProvider());
    private readonly uint? _before = FuseKeeper.FindConnection(settings.MountPoint);
    private HangUp? _hangUp;
    private uint? _connection;

    /// <param name="onReady">Called when processes can use the mount.</param>
    /// <exception cref="HostingException">There is no /dev/fuse, or this user may not.</exception>
    public static async Task<ExitCode> RunAsync(MountSettings settings, Action onReady)
    {
        if (Environment.UserName != "root")
            throw new HostingException(ExitCode.NoPermission, "Only root can mount with --supervised.");
        MountPoint.Check(settings.MountPoint, settings.Force);
        using ILoggerFactory logging = DaemonLog.CreateFactory(settings.LogLevel);
        using FuseKeeper keeper = OpenKeeper();
        using var supervisor = new Supervisor(settings, keeper, logging.CreateLogger("venus"));
        return await supervisor.RunAsync(onReady);
    }

    public void Dispose()
    {
        _hangUp?.Dispose();
        _signals.Dispose();
    }

    private async Task<ExitCode> RunAsync(Action onReady)
    {
        for (int restarts = 0; ; restarts++)
        {
            using var daemon = DaemonProcess.Start(new Supervision(keeper.Descriptor, restarts, Environment.ProcessId));
            _signals.Daemon = daemon;
            bool isReady = await daemon.WaitReadyAsync(restarts == 0 ? null : TakeOverLimit);
            if (isReady && restarts == 0)
            {
                _connection = FuseKeeper.FindConnection(settings.MountPoint);
                onReady();
                _hangUp = new HangUp(HangUp.HasTerminal, log, _signals.RequestEnd, _signals.PassHangUp);
            }

            ExitCode? code = await daemon.WaitForEndAsync();
            _signals.Daemon = null;
            if (!IsMounted())
            {
                if (code is null)
                    TakeAwayUnready();
                return code is null || code == ExitCode.Done && !isReady ? ExitCode.Failed : code.Value;
            }
            LogDied(daemon.Id, code?.ToString() ?? "killed");
            if (_signals.HaveCome || _limit.Died() is not { } pause)
                return GiveUp();
            await Task.Delay(pause);
        }
    }

    /// <summary>A daemon that died before it was ready the first time leaves a mount that no other can take over: that counts as none.</summary>
    private bool IsMounted()
    {
        if (_connection is { } connection)
            return FuseKeeper.FindConnection(settings.MountPoint) == connection;
        return false;
    }

    /// <summary>A daemon that was killed before it was ready may have mounted: nobody serves that. One that ended by itself left nothing, and what is there now may be another's.</summary>
    private void TakeAwayUnready()
    {
        if (_connection is null && FuseKeeper.FindConnection(settings.MountPoint) is { } left && left != _before)
            FuseKeeper.Abort(settings.MountPoint, left);
    }

    /// <summary>Whoever waits for a daemon gets ENOTCONN instead.</summary>
    private ExitCode GiveUp()
    {
        LogGivenUp(settings.MountPoint);
        FuseKeeper.Abort(settings.MountPoint, _connection!.Value);
        return ExitCode.Failed;
    }

    private static FuseKeeper OpenKeeper()
    {
        try
        {
            return FuseKeeper.Open();
        }
        catch (FuseException e)
        {
            throw new HostingException(ExitCode.NoFuse, $"/dev/fuse can't be used: {e.Message}", e);
        }
    }

    [LoggerMessage(EventId = 950, Level = LogLevel.Error, Message = "The daemon {Id} died ({How}); another takes over")]
    private partial void LogDied(int id, string how);

    [LoggerMessage(EventId = 951, Level = LogLevel.Critical, Message = "{MountPoint} has no daemon any more: the mount is cut off")]
    private partial void LogGivenUp(string mountPoint);
}

/// <summary>What a supervisor tells the daemon that it starts.</summary>
/// <param name="Device">The descriptor of /dev/fuse that the daemon inherited.</param>
/// <param name="Restarts">Daemons of this mount that died before.</param>
/// <param name="SupervisorId">The supervisor's process.</param>
public sealed record Supervision(int Device, int Restarts, int SupervisorId)
{
    public bool IsTakeOver => Restarts > 0;

    /// <summary>The supervisor is there to start another daemon.</summary>
    public bool IsAlive => Directory.Exists(FormattableString.Invariant($"/proc/{SupervisorId}"));

    public override string ToString() => FormattableString.Invariant($"{Device}:{Restarts}:{SupervisorId}");

    /// <summary>Null: it is none.</summary>
    public static Supervision? TryParse(string? text)
    {
        string[] parts = text?.Split(':') ?? [];
        return parts.Length == 3 && int.TryParse(parts[0], out int device) && int.TryParse(parts[1], out int restarts) && int.TryParse(parts[2], out int supervisor)
            ? new Supervision(device, restarts, supervisor)
            : null;
    }
}

/// <summary>The options of `venus mount` that concern supervision.</summary>
internal static class SupervisedOptions
{
    public static readonly Option<bool> Supervised = new("--supervised")
    {
        Description = "Keep the mount, and what is open in it, when the daemon dies: a supervisor starts another, which takes over. Root only.",
    };

    /// <summary>Marks the daemon that a supervisor starts; not for users.</summary>
    public static readonly Option<string?> Child = new("--supervised-child") { Hidden = true };
}

/// <summary>A daemon's side of a supervised mount: records what a successor needs, or takes over what a predecessor recorded.</summary>
internal sealed partial class SupervisedMount : IDisposable
{
    private readonly Supervision _supervision;
    private readonly TakeOverFolder _folder;
    private readonly SafeFileHandle _device;
    private readonly ILogger _log;

    private SupervisedMount(Supervision supervision, TakeOverFolder folder, ILogger log)
    {
        (_supervision, _folder, _log) = (supervision, folder, log);
        _device = FuseKeeper.TakeInherited(supervision.Device);
    }

    public MountRecords Records => _folder.Records;

    public bool IsTakeOver => _supervision.IsTakeOver;

    /// <summary>Null: the mount isn't supervised.</summary>
    /// <exception cref="HostingException">What a predecessor left can't be used.</exception>
    public static SupervisedMount? Open(MountSettings settings, ILogger log) => settings.Supervision is { } supervision
        ? new SupervisedMount(supervision, TakeOverFolder.Open(settings.CacheFolder, supervision.IsTakeOver), log)
        : null;

    /// <summary>
    /// Nobody told the kernel of breaks since the predecessor died. All that it caches goes before the server hears of this daemon: from then on writers
    /// don't wait for the predecessor any more.
    /// </summary>
    public void SilenceKernel()
    {
        if (!IsTakeOver)
            return;
        FuseConnectionInfo connection = _folder.ReadConnection();
        IFuseNotifier notifier = FuseSession.NotifierOf(_device, connection);
        PredecessorNames.TakeBack(Records.Names, notifier, connection, new BootTimeProvider());
        // Of a directory the listing that the kernel has cached goes too. Not the pages of a file: they may wait for a READ that nobody answers now.
        foreach ((NodeId node, bool isDirectory) in Records.ReadNodeIds())
            notifier.InvalidateNode(node, isDirectory ? 0 : -1);
    }

    /// <summary>Mounts, or goes on with the mount.</summary>
    public KernelMount Start(MountSettings settings, VfsFileSystem fileSystem, VenusCache cache, ILogger log)
    {
        if (!IsTakeOver)
        {
            KernelMount made = MountMaker.Make(settings, fileSystem, log, _device);
            _folder.SaveConnection(made.Connection);
            return made;
        }

        (int files, int lost) = fileSystem.TakeOver(cache.Manager.Held);
        LogTakenOver(settings.MountPoint, _supervision.Restarts, files, lost);
        return KernelMount.Resume(_device, settings.MountPoint, _folder.ReadConnection(), MountMaker.Options(settings), fileSystem, new FuseLog(log));
    }

    public void Dispose()
    {
        _folder.Dispose();
        _device.Dispose();
    }

    [LoggerMessage(EventId = 940, Level = LogLevel.Warning, Message =
        "{MountPoint} is taken over from a daemon that died (restart {Restarts}): {Files} open files go on, {Lost} are lost")]
    private partial void LogTakenOver(string mountPoint, int restarts, int files, int lost);
}

/// <summary>A daemon that a supervisor started: this program again, with the descriptor of the mount.</summary>
internal sealed partial class DaemonProcess : IDisposable
{
    public const string Ready = "ready";

    private const int SigHup = 1, SigTerm = 15, SigKill = 9;

    /// <summary>How often it is looked whether the daemon is a <see cref="KilledDaemon"/>, of whose end nobody is told.</summary>
    private static readonly TimeSpan LeftBehindLook = TimeSpan.FromSeconds(1);

    private readonly Process _process;

    private DaemonProcess(Process process) => _process = process;

    public int Id => _process.Id;

    /// <exception cref="HostingException">It can't be started.</exception>
    public static DaemonProcess Start(Supervision supervision)
    {
        ProcessStartInfo start = SelfStart.Make();
        start.RedirectStandardOutput = true;
        start.ArgumentList.Add(SupervisedOptions.Child.Name);
        start.ArgumentList.Add(supervision.ToString());
        return new DaemonProcess(Process.Start(start) ?? throw new HostingException(ExitCode.Failed, "The daemon can't be started."));
    }

    /// <summary>True: processes can use the mount. False: it ended before, or took too long and was killed.</summary>
    public async Task<bool> WaitReadyAsync(TimeSpan? atMost)
    {
        try
        {
            Task<string?> line = _process.StandardOutput.ReadLineAsync();
            return await (atMost is { } limit ? line.WaitAsync(limit) : line) == Ready;
        }
        catch (TimeoutException)
        {
            Signal(SigKill);
            return false;
        }
    }

    /// <summary>Its exit code; null: it was killed, or crashed. Also where a thread of it is left in the kernel: what that waits for, the next daemon has to answer.</summary>
    public async Task<ExitCode?> WaitForEndAsync()
    {
        Task end = _process.WaitForExitAsync();
        while (await Task.WhenAny(end, Task.Delay(LeftBehindLook)) != end)
        {
            if (KilledDaemon.Is(_process.Id))
                return null;
        }
        return Enum.IsDefined((ExitCode)_process.ExitCode) ? (ExitCode)_process.ExitCode : null;
    }

    public void Terminate() => Signal(SigTerm);

    public void HangUp() => Signal(SigHup);

    public void Dispose() => _process.Dispose();

    private void Signal(int number)
    {
        if (!_process.HasExited && Kill(_process.Id, number) != 0 && !_process.HasExited)
            throw new HostingException(ExitCode.Failed, string.Create(CultureInfo.InvariantCulture, $"The daemon {_process.Id} can't be signalled."));
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}

/// <summary>Starting this program again with the same arguments and some more.</summary>
internal static class SelfStart
{
    /// <exception cref="HostingException">The path of this program isn't known.</exception>
    public static ProcessStartInfo Make()
    {
        string program = Environment.ProcessPath ?? throw new HostingException(ExitCode.Failed, "The path of this program isn't known.");
        var start = new ProcessStartInfo(program);
        string[] arguments = Environment.GetCommandLineArgs();
        bool isUnderDotnet = Path.GetFileNameWithoutExtension(program) == "dotnet";
        foreach (string argument in isUnderDotnet ? arguments : arguments.Skip(1))
            start.ArgumentList.Add(argument);
        return start;
    }
}

/// <summary>
/// When a daemon that died is started again: at once, then after longer and longer pauses. One that dies <see cref="MostInWindow"/> times within
/// <see cref="Window"/> isn't started any more: whoever waits for it can't be killed, and must learn the truth.
/// </summary>
internal sealed class RestartLimit(TimeProvider time)
{
    public const int MostInWindow = 6;

    public static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(100), Longest = TimeSpan.FromSeconds(3);

    private readonly Queue<long> _deaths = new();

    /// <summary>A daemon died. The pause before the next; null: no more.</summary>
    public TimeSpan? Died()
    {
        while (_deaths.TryPeek(out long oldest) && time.GetElapsedTime(oldest) > Window)
            _deaths.Dequeue();
        _deaths.Enqueue(time.GetTimestamp());
        if (_deaths.Count >= MostInWindow)
            return null;
        if (_deaths.Count == 1)
            return TimeSpan.Zero;
        TimeSpan pause = First * Math.Pow(2, _deaths.Count - 2);
        return pause < Longest ? pause : Longest;
    }
}

/// <summary>SIGTERM and SIGINT go to the daemon, which ends the mount. After the first none is started again.</summary>
internal sealed class SupervisorSignals : IDisposable
{
    private readonly PosixSignalRegistration[] _registrations;
    private volatile DaemonProcess? _daemon;
    private volatile bool _haveCome;

    public SupervisorSignals()
    {
        PosixSignal[] signals = [PosixSignal.SIGTERM, PosixSignal.SIGINT];
        _registrations = [.. signals.Select(signal => PosixSignalRegistration.Create(signal, Handle))];
    }

    public bool HaveCome => _haveCome;

    /// <summary>The daemon that runs; null between two.</summary>
    public DaemonProcess? Daemon
    {
        set
        {
            _daemon = value;
            if (_haveCome)
                value?.Terminate();
        }
    }

    public void Dispose() => Array.ForEach(_registrations, registration => registration.Dispose());

    /// <summary>SIGHUP: the daemon opens its log anew.</summary>
    public void PassHangUp() => _daemon?.HangUp();

    /// <summary>As a signal does.</summary>
    public void RequestEnd()
    {
        _haveCome = true;
        _daemon?.Terminate();
    }

    private void Handle(PosixSignalContext context)
    {
        context.Cancel = true;
        RequestEnd();
    }
}

/// <summary>The folder <c>take-over</c> of a cache: what the daemons of one supervised mount leave each other. docs/disk-format-cache.md describes it.</summary>
internal sealed class TakeOverFolder : IDisposable
{
    private const string Name = "take-over";
    private const string ConnectionName = "connection.json";

    private readonly string _path;
    private readonly MappedRecords _nodes, _files, _directories, _names, _locks;

    private TakeOverFolder(string path, bool isNew)
    {
        _path = path;
        _nodes = MappedRecords.Open(Path.Combine(path, "nodes"), NodeRecord.SizeBytes, isNew);
        _files = MappedRecords.Open(Path.Combine(path, "files"), OpenFileRecord.SizeBytes, isNew);
        _directories = MappedRecords.Open(Path.Combine(path, "directories"), OpenDirectoryRecord.SizeBytes, isNew);
        _names = MappedRecords.Open(Path.Combine(path, "names"), NameRecords.SizeBytes, isNew);
        _locks = MappedRecords.Open(Path.Combine(path, "locks"), LockRecord.SizeBytes, isNew);
        Records = new MountRecords(_nodes, _files, _directories, _names, _locks);
    }

    public MountRecords Records { get; }

    /// <exception cref="HostingException">There is no room for it, or what a predecessor left can't be read.</exception>
    public static TakeOverFolder Open(string cacheFolder, bool isTakeOver)
    {
        string path = Path.Combine(cacheFolder, Name);
        try
        {
            PrivateFolder.Claim(cacheFolder);
            Directory.CreateDirectory(path);
            if (!isTakeOver)
                File.Delete(Path.Combine(path, ConnectionName));
            return new TakeOverFolder(path, isNew: !isTakeOver);
        }
        catch (PrivateFolderException e)
        {
            throw new HostingException(ExitCode.CacheUnusable, $"The cache directory can't be used. {e.Message}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or DiskException)
        {
            throw new HostingException(ExitCode.CacheUnusable, $"{path} can't be used: {e.Message}", e);
        }
    }

    public void SaveConnection(FuseConnectionInfo connection) =>
        File.WriteAllText(Path.Combine(_path, ConnectionName), JsonSerializer.Serialize(connection));

    /// <exception cref="HostingException">The predecessor died before it agreed with the kernel on anything.</exception>
    public FuseConnectionInfo ReadConnection() => ReadConnection(Path.Combine(_path, ConnectionName));

    /// <exception cref="HostingException">It can't be read, or isn't what a daemon wrote.</exception>
    internal static FuseConnectionInfo ReadConnection(string file)
    {
        try
        {
            FuseConnectionInfo connection = JsonSerializer.Deserialize<FuseConnectionInfo>(File.ReadAllText(file)) ?? throw new JsonException("It is empty.");
            return connection.MaxWriteBytes is >= FuseConnectionInfo.LeastMaxWriteBytes and <= FuseConnectionInfo.MostMaxWriteBytes
                ? connection
                : throw new JsonException($"{connection.MaxWriteBytes} bytes can't have been agreed on for a write.");
        }
        catch (Exception e) when (e is IOException or JsonException or UnauthorizedAccessException)
        {
            throw new HostingException(ExitCode.Failed, $"The mount can't be taken over: {e.Message}", e);
        }
    }

    public void Dispose()
    {
        _nodes.Dispose();
        _files.Dispose();
        _directories.Dispose();
        _names.Dispose();
        _locks.Dispose();
    }
}
