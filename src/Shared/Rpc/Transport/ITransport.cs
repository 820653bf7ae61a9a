using System.Net;

namespace Afs.Rpc;

/// <summary>How frames get from one host to another: sockets, or an in-memory network.</summary>
public interface ITransport
{
    /// <exception cref="IOException">Nobody is there. The message says why.</exception>
    ValueTask<IFrameConnection> ConnectAsync(RpcEndpoint endpoint, CancellationToken cancellation);

    /// <exception cref="RpcEndpointException">It can't listen there.</exception>
    ValueTask<IFrameListener> ListenAsync(RpcEndpoint endpoint, CancellationToken cancellation);
}

/// <summary>Accepts connections at one address. Disposing it ends a pending accept with <see cref="OperationCanceledException"/>.</summary>
public interface IFrameListener : IAsyncDisposable
{
    /// <summary>Where it listens, with the port that was chosen.</summary>
    RpcEndpoint Endpoint { get; }

    ValueTask<IFrameConnection> AcceptAsync();
}

/// <summary>
/// Carries frames between two hosts. One sender and one receiver at a time.
/// A broken connection fails with <see cref="IOException"/>, and with nothing else.
/// </summary>
public interface IFrameConnection : IAsyncDisposable
{
    /// <summary>How the other side is shown in logs.</summary>
    string Peer { get; }

    /// <summary>The machine that the other side is on, as far as can be told: what its connections hold is counted together.</summary>
    string Host => Peer;

    /// <summary>For who decides whether the peer still lives. From any thread.</summary>
    TransferProgress Progress => default;

    /// <summary>A part of a frame has come, and the rest is on its way. From any thread.</summary>
    bool IsFrameArriving => false;

    /// <summary>Frames come once and in order, or the connection breaks. False: they may be lost, doubled and reordered.</summary>
    bool IsReliable { get; }

    /// <summary>What must happen before the first frame, e.g. the TLS handshake. Called once.</summary>
    ValueTask EstablishAsync(CancellationToken cancellation);

    /// <summary>Sends whole frames, each with its length field. The memory may be reused when this returns.</summary>
    ValueTask SendAsync(ReadOnlyMemory<byte> frames);

    /// <summary>The next frame, which then belongs to the caller; or the end.</summary>
    /// <param name="maxBytes">The most bytes of a frame, without its length field.</param>
    /// <param name="room">Where a long frame that is still arriving gets its room; null: there is enough.</param>
    /// <exception cref="MalformedMessageException">What came is no frame.</exception>
    ValueTask<ReceivedFrame> ReceiveAsync(int maxBytes, ArrivalRoom? room = null);

    /// <summary>Ends the connection at once, from any thread: pending sends and receives fail.</summary>
    void Abort();
}

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

/// <summary>An address that is none, or at which one can't listen. The message is for the user.</summary>
public sealed class RpcEndpointException(string message, Exception? inner = null) : Exception(message, inner);
