namespace Afs.Rpc;

/// <summary>
/// Carries frames between two hosts. One sender and one receiver at a time.
/// A broken connection fails with <see cref="IOException"/>, and with nothing else.
/// </summary>
public interface IFrameConnection : IAsyncDisposable
{
    /// <summary>How the other side is shown in logs.</summary>
    string Peer { get; }

    /// <summary>Frames come once and in order, or the connection breaks. False: they may be lost, doubled and reordered.</summary>
    bool IsReliable { get; }

    /// <summary>What must happen before the first frame, e.g. the TLS handshake. Called once.</summary>
    ValueTask EstablishAsync(CancellationToken cancellation);

    /// <summary>Sends whole frames, each with its length field. The memory may be reused when this returns.</summary>
    ValueTask SendAsync(ReadOnlyMemory<byte> frames);

    /// <summary>The next frame, which then belongs to the caller; or the end.</summary>
    /// <param name="maxBytes">The most bytes of a frame, without its length field.</param>
    /// <exception cref="MalformedMessageException">What came is no frame.</exception>
    ValueTask<ReceivedFrame> ReceiveAsync(int maxBytes);

    /// <summary>Ends the connection at once, from any thread: pending sends and receives fail.</summary>
    void Abort();
}
