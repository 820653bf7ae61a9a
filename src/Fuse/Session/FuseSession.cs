using Afs.Fuse.Abi;
using Afs.Fuse.Mounting;
using Afs.Fuse.Session;
using Microsoft.Win32.SafeHandles;

namespace Afs.Fuse;

/// <summary>
/// One mounted filesystem: the descriptor of /dev/fuse, the threads that read requests from it, and what they have in hand.
/// It lives from <see cref="Mount"/> (or <see cref="Resume"/>) until the filesystem is unmounted, by whomever; then every
/// waiting operation is interrupted and awaited, <see cref="FuseFileSystem.Stopped"/> is called, and
/// <see cref="Completion"/> completes.
/// </summary>
public sealed class FuseSession : IDisposable
{
    private readonly FuseDevice _device;
    private readonly FuseFileSystem _fileSystem;
    private readonly IFuseLog _log;
    private readonly InFlightTable _table = new();
    private readonly PendingGate _gate;
    private readonly ReaderTeam _team;
    private readonly SlotPool _pool;
    private readonly RequestDispatcher _dispatcher;
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly uint? _connectionNumber;
    private int _readers;

    private FuseSession(SafeFileHandle device, string mountPoint, FuseMountOptions options, FuseFileSystem fileSystem, IFuseLog? log, FuseConnectionInfo? connection)
    {
        _device = new FuseDevice(device);
        Connection = connection ?? Handshake.Run(_device, options);
        MountPoint = mountPoint;
        Notifier = new FuseNotifier(_device, Connection);
        _connectionNumber = MountTable.Find(mountPoint)?.DeviceMinor;
        if (connection is null && options.ReadAheadBytes > 0 && _connectionNumber is { } number)
        {
            ReadAhead.TrySet(number, options.ReadAheadBytes); // After INIT, which can lower it.
        }

        _team = new ReaderTeam(_device, options.LongestRest);
        _fileSystem = fileSystem;
        _log = log ?? SilentFuseLog.Instance;
        _gate = new PendingGate(options.MaxPendingRequests);
        _pool = new SlotPool(Math.Max(Connection.MaxWriteBytes, FuseProtocol.DefaultMaxPages * FuseProtocol.PageBytes), options.ReaderThreads * 4);
        var responder = new Responder(_device, fileSystem, _table, _gate, _pool, _log);
        _dispatcher = new RequestDispatcher(responder, _table, Connection);
    }

    /// <summary>Absolute, without links and a slash at its end.</summary>
    public string MountPoint { get; }

    public FuseConnectionInfo Connection { get; }

    public IFuseNotifier Notifier { get; }

    /// <summary>Completes when the filesystem is unmounted and its last operation has ended. Never fails.</summary>
    public Task Completion => _completion.Task;

    /// <summary>Mounts a filesystem and starts to serve it. It is ready when this returns.</summary>
    /// <param name="mountPoint">A directory that exists.</param>
    /// <param name="options">How to mount.</param>
    /// <param name="fileSystem">What answers the requests; its <see cref="FuseFileSystem.Started"/> is called from here.</param>
    /// <param name="log">Where trouble is told; none where null.</param>
    /// <param name="device">A device that a <see cref="FuseKeeper"/> opened, which the session owns from here on; null: one of its own. Only root mounts so.</param>
    /// <exception cref="FuseException">The mount was refused, or the kernel is older than Linux 5.4.</exception>
    /// <exception cref="ArgumentException">An option is outside its range.</exception>
    public static FuseSession Mount(
        string mountPoint, FuseMountOptions options, FuseFileSystem fileSystem, IFuseLog? log = null, SafeFileHandle? device = null)
    {
        ArgumentNullException.ThrowIfNull(fileSystem);
        options.Validate();
        string path = MountPointPath.Resolve(mountPoint);
        if (device is null)
        {
            device = Mounter.Mount(path, options);
        }
        else
        {
            DirectMount.MountOn(device, path, options);
        }

        try
        {
            var session = new FuseSession(device, path, options, fileSystem, log, connection: null);
            session.Start(options.ReaderThreads);
            return session;
        }
        catch
        {
            device.Dispose();
            Mounter.Unmount(path, isLazy: true);
            throw;
        }
    }

    /// <summary>
    /// Takes over a mount whose descriptor another process held, without INIT, and asks the kernel to send again what that
    /// process left unanswered. The filesystem must know every NodeId, handle and backing id that its predecessor gave out.
    /// </summary>
    /// <param name="device">The descriptor, which the session owns from here on.</param>
    /// <param name="mountPoint">Where it is mounted.</param>
    /// <param name="connection">What the first process agreed on with the kernel.</param>
    /// <param name="options">Only what concerns the session counts, not what concerns the mount.</param>
    /// <param name="fileSystem">What answers the requests.</param>
    /// <param name="log">Where trouble is told; none where null.</param>
    public static FuseSession Resume(
        SafeFileHandle device, string mountPoint, FuseConnectionInfo connection, FuseMountOptions options, FuseFileSystem fileSystem, IFuseLog? log = null)
    {
        ArgumentNullException.ThrowIfNull(fileSystem);
        ArgumentNullException.ThrowIfNull(connection);
        options.Validate();
        var session = new FuseSession(device, mountPoint, options, fileSystem, log, connection);
        session.Start(options.ReaderThreads);
        session.Notifier.Resend();
        return session;
    }

    /// <summary>Notifications on a mount that has no daemon at this moment: for a successor, before it resumes.</summary>
    public static IFuseNotifier NotifierOf(SafeFileHandle device, FuseConnectionInfo connection) => new FuseNotifier(new FuseDevice(device), connection);

    /// <summary>
    /// Unmounts. The session ends soon after, when the kernel has told its readers; wait for <see cref="Completion"/>.
    /// With <see cref="UnmountMode.Detach"/> it ends only when nothing of the mount is in use.
    /// </summary>
    public Errno Unmount(UnmountMode mode = UnmountMode.Normal)
    {
        if (Completion.IsCompleted)
        {
            return Errno.None;
        }

        return mode == UnmountMode.Abort ? Mounter.Abort(MountPoint, _connectionNumber) : Mounter.Unmount(MountPoint, mode == UnmountMode.Detach);
    }

    /// <summary>Waits until the filesystem is unmounted.</summary>
    public void Wait() => Completion.GetAwaiter().GetResult();

    /// <summary>A second descriptor of the same connection, closed on exec, for a supervisor to keep (see <see cref="Resume"/>).</summary>
    public SafeFileHandle DuplicateDevice() => _device.Duplicate();

    /// <summary>Unmounts, where files are in use by aborting the connection, and waits for the end.</summary>
    public void Dispose()
    {
        if (!Completion.IsCompleted && Unmount() != Errno.None)
        {
            Unmount(UnmountMode.Abort);
        }

        Wait();
    }

    private void Start(int readerThreads)
    {
        _fileSystem.Started(Connection, Notifier);
        _readers = readerThreads;
        for (int i = 0; i < readerThreads; i++)
        {
            new Thread(ReadUntilUnmounted) { IsBackground = true, Name = $"fuse reader {i}" }.Start();
        }
    }

    private void ReadUntilUnmounted()
    {
        new RequestReader(_device, _team, _dispatcher, _gate, _pool, _log).Run();
        if (Interlocked.Decrement(ref _readers) == 0)
        {
            Finish();
        }
    }

    /// <summary>Runs on the last reader. The descriptor is closed only when nobody can reply to it any more.</summary>
    private void Finish()
    {
        _table.InterruptAll();
        _gate.WaitUntilEmpty();
        try
        {
            _fileSystem.Stopped();
        }
        catch (Exception exception)
        {
            _log.OperationFailed(FuseOpcode.Destroy, NodeId.Root, default, exception);
        }

        _device.Dispose();
        _pool.Close();
        _completion.SetResult();
    }
}
