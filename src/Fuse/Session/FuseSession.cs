using Afs.Fuse.Abi;
using Afs.Fuse.Interop;
using Afs.Fuse.Mounting;
using Afs.Fuse.Session;
using Microsoft.Win32.SafeHandles;

namespace Afs.Fuse;

/// <summary>
/// One mounted filesystem: the descriptor of /dev/fuse, the threads that read requests from it, and the requests that they work on.
/// It lives from <see cref="Mount"/> (or <see cref="Resume"/>) until the filesystem is unmounted, by anybody. Then every
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
    private readonly EarlierReleases _releases;
    private readonly SlotPool _pool;
    private readonly Responder _responder;
    private readonly RequestDispatcher _dispatcher;
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly FuseNotifier _notifier;
    private readonly uint? _connectionNumber;

    private FuseSession(SafeFileHandle device, string mountPoint, FuseMountOptions options, FuseFileSystem fileSystem, IFuseLog? log, FuseConnectionInfo? connection)
    {
        _device = new FuseDevice(device);
        Connection = connection ?? Handshake.Run(_device, options);
        MountPoint = mountPoint;
        _releases = new EarlierReleases(_device.Descriptor, _table, EarlierReleases.MostWait);
        _notifier = new FuseNotifier(_device, Connection, _releases);
        _connectionNumber = FuseKeeper.FindConnection(mountPoint);
        if (connection is null && options.ReadAheadBytes > 0 && _connectionNumber is { } number)
        {
            ReadAhead.TrySet(number, options.ReadAheadBytes); // After INIT, which can lower it.
        }

        _fileSystem = fileSystem;
        _log = log ?? SilentFuseLog.Instance;
        _gate = new PendingGate(options.MaxPendingRequests);
        _team = new ReaderTeam(_device, _gate, options.ReaderThreads, options.WatchInterval);
        _pool = new SlotPool(Math.Max(Connection.MaxWriteBytes, FuseProtocol.DefaultMaxPages * FuseProtocol.PageBytes), options.ReaderThreads * 4);
        _responder = new Responder(_device, fileSystem, _table, _gate, _pool, _log);
        _dispatcher = new RequestDispatcher(_responder, _table, new Interruptions(_table, _team, _responder, _pool), Connection);
    }

    /// <summary>An absolute path, without links and without a slash at its end.</summary>
    public string MountPoint { get; }

    public FuseConnectionInfo Connection { get; }

    public IFuseNotifier Notifier => _notifier;

    /// <summary>Completes when the filesystem is unmounted and its last operation has ended. Never fails.</summary>
    public Task Completion => _completion.Task;

    /// <summary>Mounts a filesystem and starts to serve it. It is ready when this returns.</summary>
    /// <param name="mountPoint">A directory that exists.</param>
    /// <param name="options">How to mount.</param>
    /// <param name="fileSystem">What answers the requests; its <see cref="FuseFileSystem.Started"/> is called from here.</param>
    /// <param name="log">Hears of faults; null: nobody does.</param>
    /// <param name="device">A device that a <see cref="FuseKeeper"/> opened: the session owns it from here on, and only root can mount on it. Null: the session opens its own.</param>
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
            session.Start();
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
    /// <param name="options">Those that concern the mount itself have no effect: it is made already.</param>
    /// <param name="fileSystem">What answers the requests.</param>
    /// <param name="log">Hears of faults; null: nobody does.</param>
    public static FuseSession Resume(
        SafeFileHandle device, string mountPoint, FuseConnectionInfo connection, FuseMountOptions options, FuseFileSystem fileSystem, IFuseLog? log = null)
    {
        ArgumentNullException.ThrowIfNull(fileSystem);
        ArgumentNullException.ThrowIfNull(connection);
        options.Validate();
        var session = new FuseSession(device, mountPoint, options, fileSystem, log, connection);
        session.Start();
        session._notifier.Resend();
        return session;
    }

    /// <summary>Notifies the kernel of a mount that has no daemon at this moment: for a successor, before it resumes.</summary>
    public static IFuseNotifier NotifierOf(SafeFileHandle device, FuseConnectionInfo connection) => new FuseNotifier(new FuseDevice(device), connection, releases: null);

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

    /// <summary>Unmounts, and waits for the end. If files are in use, the connection is aborted.</summary>
    public void Dispose()
    {
        if (!Completion.IsCompleted && Unmount() != Errno.None)
        {
            Unmount(UnmountMode.Abort);
        }

        Wait();
    }

    private void Start()
    {
        _fileSystem.Started(Connection, Notifier);
        _team.Start(ReadUntilUnmounted);
    }

    private void ReadUntilUnmounted()
    {
        if (new RequestReader(_device, _team, _dispatcher, _releases, _pool, _log).Run())
        {
            Finish();
        }
    }

    /// <summary>Runs on the last reader. The descriptor is closed only when nobody will write a reply to it any more.</summary>
    private void Finish()
    {
        foreach (RequestSlot waiting in _team.Drain())
        {
            _responder.Refuse(waiting, Errno.ENODEV);
            _pool.Return(waiting);
        }

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

/// <summary>
/// The supervisor's end of a mount that outlives its daemons: a descriptor of /dev/fuse that child processes inherit. The first of them
/// mounts on it (<see cref="FuseSession.Mount"/>), each later one takes the mount over (<see cref="FuseSession.Resume"/>). While no child
/// lives, requests wait, and their callers can't be killed. So the supervisor soon starts another child, or calls <see cref="Abort"/>.
/// </summary>
public sealed class FuseKeeper : IDisposable
{
    private const int FcntlSetDescriptorFlags = 2, CloseOnExec = 1;

    private readonly SafeFileHandle _device;

    private FuseKeeper(SafeFileHandle device) => _device = device;

    /// <summary>The descriptor's number, which is the same in a child.</summary>
    public int Descriptor => (int)_device.DangerousGetHandle();

    /// <exception cref="FuseException">There is no /dev/fuse, or this process may not use it.</exception>
    public static FuseKeeper Open()
    {
        SafeFileHandle device = DirectMount.OpenDevice();
        NativeMethods.Fcntl(device, FcntlSetDescriptorFlags, 0);
        return new FuseKeeper(device);
    }

    /// <summary>The child's side: the descriptor that it inherited, closed on exec from here on.</summary>
    public static SafeFileHandle TakeInherited(int descriptor)
    {
        var device = new SafeFileHandle(descriptor, ownsHandle: true);
        NativeMethods.Fcntl(device, FcntlSetDescriptorFlags, CloseOnExec);
        return device;
    }

    /// <summary>The number of the connection that is mounted at a path, different for each mount. Null: no FUSE filesystem is mounted exactly there.</summary>
    /// <param name="mountPoint">Absolute, without links.</param>
    public static uint? FindConnection(string mountPoint) => MountTable.Find(mountPoint) is { IsFuse: true } mount ? mount.DeviceMinor : null;

    /// <summary>Ends the connection, so that no request waits any longer, and takes the mount away.</summary>
    public static Errno Abort(string mountPoint, uint connection) => Mounter.Abort(mountPoint, connection);

    public void Dispose() => _device.Dispose();
}
