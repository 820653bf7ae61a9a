using System.Runtime.InteropServices;

namespace Afs.Venus.Hosting;

/// <summary>SIGTERM, SIGINT and SIGHUP go to the daemon, which ends the mount. After the first none is started again.</summary>
internal sealed class SupervisorSignals : IDisposable
{
    private readonly PosixSignalRegistration[] _registrations;
    private volatile DaemonProcess? _daemon;
    private volatile bool _haveCome;

    public SupervisorSignals()
    {
        PosixSignal[] signals = [PosixSignal.SIGTERM, PosixSignal.SIGINT, PosixSignal.SIGHUP];
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

    private void Handle(PosixSignalContext context)
    {
        context.Cancel = true;
        _haveCome = true;
        _daemon?.Terminate();
    }
}
