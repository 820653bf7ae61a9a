using System.Globalization;
using Afs.Bench.Macro.Native;

namespace Afs.Bench.Macro.Machine;

/// <summary>
/// Bytes that went over the loopback interface of this network namespace (/proc/net/dev). They are the benchmark's own only in a
/// namespace of its own, which scripts/bench makes where it may.
/// </summary>
public static unsafe class LoopbackTraffic
{
    /// <summary>Set by scripts/bench when it has made the namespace.</summary>
    public const string OwnNamespaceVariable = "AFS_BENCH_OWN_NETWORK";

    private const int Ipv4 = 2;
    private const int Datagram = 2;
    private const nuint GetFlags = 0x8913;
    private const nuint SetFlags = 0x8914;
    private const ushort Up = 1;
    private const int InterfaceRequestBytes = 40;
    private const int FlagsOffset = 16;

    public static bool IsOwn { get; } = Environment.GetEnvironmentVariable(OwnNamespaceVariable) == "1";

    /// <summary>Bytes sent, which on loopback are the bytes received; with IP and TCP headers.</summary>
    public static long ReadBytes()
    {
        string line = File.ReadLines("/proc/self/net/dev").First(l => l.TrimStart().StartsWith("lo:", StringComparison.Ordinal));
        string first = line[(line.IndexOf(':') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0];
        return long.Parse(first, CultureInfo.InvariantCulture);
    }

    /// <summary>Brings the interface up: in a fresh namespace it is down (netdevice(7), SIOCSIFFLAGS).</summary>
    public static void BringUp()
    {
        int fd = LibC.Socket(Ipv4, Datagram, 0);
        LibC.Check(fd, "socket");
        byte* request = stackalloc byte[InterfaceRequestBytes];
        new Span<byte>(request, InterfaceRequestBytes).Clear();
        "lo"u8.CopyTo(new Span<byte>(request, InterfaceRequestBytes));
        LibC.Check(LibC.Control(fd, GetFlags, request), "ioctl(SIOCGIFFLAGS)", "lo");
        *(ushort*)(request + FlagsOffset) |= Up;
        LibC.Check(LibC.Control(fd, SetFlags, request), "ioctl(SIOCSIFFLAGS)", "lo");
        LibC.Check(LibC.Close(fd), "close");
    }
}
