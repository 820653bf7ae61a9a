using System.Runtime.InteropServices;

namespace Afs.Venus.Hosting;

/// <summary>SIGTERM, SIGINT and SIGHUP: the first asks for a clean end, the next ends the process at once. What is dirty then stays in the cache folder.</summary>
internal sealed class EndingSignals : IDisposable
{
    private readonly CancellationTokenSource _first = new();
    private readonly PosixSignalRegistration[] _registrations;
    private int _count;

    public EndingSignals()
    {
        PosixSignal[] signals = [PosixSignal.SIGTERM, PosixSignal.SIGINT, PosixSignal.SIGHUP];
        _registrations = [.. signals.Select(signal => PosixSignalRegistration.Create(signal, Handle))];
    }

    /// <summary>Set by the first signal.</summary>
    public CancellationToken First => _first.Token;

    public void Dispose() => Array.ForEach(_registrations, registration => registration.Dispose());

    private void Handle(PosixSignalContext context)
    {
        context.Cancel = true;
        if (Interlocked.Increment(ref _count) > 1)
            Environment.Exit((int)ExitCode.Failed);
        _first.CancelAsync();
    }
}
