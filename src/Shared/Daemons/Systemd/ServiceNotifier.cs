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
