using System.Net.Sockets;
using System.Text;

namespace Afs.Daemons;

/// <summary>
/// Tells the service manager that started this process how it goes: sd_notify(3), datagrams to the socket that NOTIFY_SOCKET names.
/// Without a service manager it says nothing. A message that can't be sent is left out: the manager's own time-outs decide then.
/// </summary>
public sealed class ServiceNotifier
{
    private readonly string? _socketPath;

    /// <param name="socketPath">NOTIFY_SOCKET's value: a path, or an abstract name after '@'; null or empty: nobody listens.</param>
    public ServiceNotifier(string? socketPath) => _socketPath = socketPath is { Length: > 1 } path && path[0] is '/' or '@' ? socketPath : null;

    /// <summary>The one of this process's environment.</summary>
    public static ServiceNotifier FromEnvironment() => new(Environment.GetEnvironmentVariable("NOTIFY_SOCKET"));

    /// <summary>True: somebody listens.</summary>
    public bool IsHeard => _socketPath is not null;

    /// <summary>The service does its work; <paramref name="status"/> is shown by `systemctl status`, one line.</summary>
    public void Ready(string status) => Send($"READY=1\nSTATUS={OneLine(status)}");

    /// <summary>The service begins to end.</summary>
    public void Stopping() => Send("STOPPING=1");

    /// <summary>The service is alive: keeps the manager's watchdog from ending it.</summary>
    public void Alive() => Send("WATCHDOG=1");

    private static string OneLine(string text) => text.ReplaceLineEndings(" ");

    private void Send(string message)
    {
        if (_socketPath is null)
            return;
        string path = _socketPath[0] == '@' ? $"\0{_socketPath.AsSpan(1)}" : _socketPath;
        try
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
            socket.SendTo(Encoding.UTF8.GetBytes(message), new UnixDomainSocketEndPoint(path));
        }
        catch (SocketException)
        {
            // The manager is gone or full; it doesn't matter to the work.
        }
    }
}

/// <summary>
/// Tells the service manager that the process lives, twice in the time that the manager waits (WATCHDOG_USEC of sd_watchdog_enabled(3)),
/// each time after <c>proof</c> has returned. So a process that hangs where the proof looks falls silent and is started again.
/// </summary>
public sealed class Watchdog : IAsyncDisposable
{
    private readonly CancellationTokenSource _end = new();
    private readonly Task _work;

    private Watchdog(ServiceNotifier notifier, TimeSpan interval, Action proof, TimeProvider time) =>
        _work = RunAsync(notifier, interval, proof, time, _end.Token);

    /// <summary>Null: the manager asks for none.</summary>
    /// <param name="waitText">WATCHDOG_USEC's value: microseconds.</param>
    public static Watchdog? Start(ServiceNotifier notifier, string? waitText, Action proof, TimeProvider time)
    {
        if (!notifier.IsHeard || !long.TryParse(waitText, out long waitMicroseconds) || waitMicroseconds <= 0)
            return null;
        TimeSpan interval = TimeSpan.FromMicroseconds(Math.Min(waitMicroseconds, TimeSpan.MicrosecondsPerDay) / 2.0);
        return new Watchdog(notifier, interval, proof, time);
    }

    /// <summary>The one of this process's environment.</summary>
    public static Watchdog? StartFromEnvironment(ServiceNotifier notifier, Action proof) =>
        Start(notifier, Environment.GetEnvironmentVariable("WATCHDOG_USEC"), proof, TimeProvider.System);

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _work;
        _end.Dispose();
    }

    private static async Task RunAsync(ServiceNotifier notifier, TimeSpan interval, Action proof, TimeProvider time, CancellationToken end)
    {
        await Task.Yield();
        using var timer = new PeriodicTimer(interval, time);
        try
        {
            do
            {
                proof();
                notifier.Alive();
            }
            while (await timer.WaitForNextTickAsync(end));
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // The service ends.
        }
    }
}
