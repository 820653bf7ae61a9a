using System.Net;

namespace Afs.Rpc;

/// <summary>Where a server listens: <c>host:port</c>, <c>[v6]:port</c>, <c>unix:/path</c>, or a host of an in-memory network.</summary>
public abstract record RpcEndpoint
{
    private const string UnixPrefix = "unix:";

    /// <summary>The longest path of a Unix socket: sun_path of unix(7), without its NUL.</summary>
    private const int MaxUnixPathBytes = 107;

    /// <summary>Host name or address, and port. Port 0 lets a listener choose.</summary>
    public sealed record Tcp(string Host, int Port) : RpcEndpoint
    {
        public override string ToString() => Host.Contains(':') ? $"[{Host}]:{Port}" : $"{Host}:{Port}";
    }

    public sealed record Unix(string Path) : RpcEndpoint
    {
        public override string ToString() => UnixPrefix + Path;
    }

    public sealed record Memory(string Host) : RpcEndpoint
    {
        public override string ToString() => "memory:" + Host;
    }

    /// <exception cref="RpcEndpointException">The text is no address; the message says what is wrong with it.</exception>
    public static RpcEndpoint Parse(string text)
    {
        if (text.StartsWith(UnixPrefix, StringComparison.Ordinal))
            return ParseUnix(text, text[UnixPrefix.Length..]);
        int colon = text.LastIndexOf(':');
        if (colon < 0)
            throw Bad(text, "it has no port");
        string host = text[..colon];
        if (host.StartsWith('[') != host.EndsWith(']'))
            throw Bad(text, "its brackets don't match");
        if (host.StartsWith('['))
        {
            host = host[1..^1];
            if (!IPAddress.TryParse(host, out IPAddress? address) || address.AddressFamily != System.Net.Sockets.AddressFamily.InterNetworkV6)
                throw Bad(text, "what is in the brackets is no IPv6 address");
        }
        else if (host.Contains(':'))
        {
            throw Bad(text, "an IPv6 address belongs in brackets");
        }

        if (host.Length == 0 || host.Any(c => char.IsWhiteSpace(c) || char.IsControl(c) || c == '/'))
            throw Bad(text, "it has no valid host");
        return ushort.TryParse(text[(colon + 1)..], System.Globalization.NumberStyles.None, null, out ushort port)
            ? new Tcp(host, port)
            : throw Bad(text, "its port is no number from 0 to 65535");
    }

    private static Unix ParseUnix(string text, string path)
    {
        if (!path.StartsWith('/'))
            throw Bad(text, "the path of a Unix socket must be absolute");
        return System.Text.Encoding.UTF8.GetByteCount(path) <= MaxUnixPathBytes && !path.Contains('\0')
            ? new Unix(path)
            : throw Bad(text, $"the path of a Unix socket has at most {MaxUnixPathBytes} bytes");
    }

    private static RpcEndpointException Bad(string text, string why) =>
        new($"'{text}' is no address: {why}. An address is host:port, [v6]:port or unix:/path.");
}
