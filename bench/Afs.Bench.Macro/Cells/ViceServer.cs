using System.Net;
using System.Net.Sockets;

namespace Afs.Bench.Macro.Cells;

/// <summary>A file server with its data in a temporary folder.</summary>
public sealed class ViceServer : IDisposable
{
    private const int StartTimeoutMs = 30_000;

    public ViceServer(string program, string directory, bool overUnixSocket)
    {
        Address = overUnixSocket ? "unix:" + Path.Combine(directory, "vice.sock") : "127.0.0.1:" + FreePort();
        Daemon = new DaemonProcess(
            "vice",
            program,
            ["serve", "--data", Path.Combine(directory, "vice"), "--listen", Address],
            Path.Combine(directory, "vice.log"));
        try
        {
            Daemon.WaitUntil(Accepts, StartTimeoutMs);
        }
        catch
        {
            Daemon.Dispose();
            throw;
        }
    }

    /// <summary>As Venus takes it: HOST:PORT or unix:PATH.</summary>
    public string Address { get; }

    public DaemonProcess Daemon { get; }

    public void Dispose() => Daemon.Dispose();

    private bool Accepts()
    {
        EndPoint target = Address.StartsWith("unix:", StringComparison.Ordinal)
            ? new UnixDomainSocketEndPoint(Address["unix:".Length..])
            : IPEndPoint.Parse(Address);
        using var socket = new Socket(target.AddressFamily, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(target);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
