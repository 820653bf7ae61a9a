using Afs.Fuse;
using Afs.Venus.Vfs;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace Afs.Venus.Hosting;

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
        IFuseNotifier notifier = FuseSession.NotifierOf(_device, _folder.ReadConnection());
        notifier.IncrementEpoch();
        foreach (NodeId node in Records.ReadNodeIds())
            notifier.InvalidateNode(node);
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
