using System.Runtime.InteropServices;

namespace Afs.Vice.Hosting;

/// <summary>SIGTERM and SIGINT: the first asks the server to drain and stop, the second ends the process at once, which loses nothing acknowledged.</summary>
public sealed class StopSignals : IDisposable
{
    private const int SignalBase = 128;

    private readonly CancellationTokenSource _stop = new();
    private readonly List<PosixSignalRegistration> _registrations = [];

    public StopSignals()
    {
        foreach (PosixSignal signal in new[] { PosixSignal.SIGTERM, PosixSignal.SIGINT })
            _registrations.Add(PosixSignalRegistration.Create(signal, Handle));
    }

    public CancellationToken Stop => _stop.Token;

    public void Dispose()
    {
        _registrations.ForEach(registration => registration.Dispose());
        _stop.Dispose();
    }

    private void Handle(PosixSignalContext context)
    {
        context.Cancel = true;
        if (_stop.IsCancellationRequested)
            Environment.Exit(SignalBase + (context.Signal == PosixSignal.SIGINT ? 2 : 15));
        _stop.Cancel();
    }
}
