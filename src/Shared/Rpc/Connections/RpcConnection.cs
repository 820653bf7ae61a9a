namespace Afs.Rpc;

/// <summary>
/// A connection on which frames come and go, and the one way for it to end: <see cref="Break"/>, of which the first reason wins.
/// A watchdog ends it when the peer gives no sign of life, or doesn't read.
/// </summary>
internal sealed class RpcConnection
{
    private readonly IFrameConnection _transport;
    private readonly TimeProvider _time;
    private readonly RpcTimings _timings;
    private readonly RpcStatistics _statistics;
    private readonly CancellationTokenSource _ended = new();
    private string? _reason;
    private long _lastReceived;
    private ITimer? _watchdog;
    private Func<PingFrame>? _ping;
    private volatile bool _isDirect;

    public RpcConnection(IFrameConnection transport, TimeProvider time, RpcTimings timings, int maxQueuedBytes, RpcStatistics statistics)
    {
        (_transport, _time, _timings, _statistics) = (transport, time, timings, statistics);
        _lastReceived = time.GetTimestamp();
        Sender = new FrameSender(transport, time, maxQueuedBytes, statistics, Break);
    }

    public FrameSender Sender { get; }

    public string Peer => _transport.Peer;

    public bool IsReliable => _transport.IsReliable;

    /// <summary>Cancelled when the connection ends.</summary>
    public CancellationToken Ended => _ended.Token;

    /// <summary>Why the connection ended; null while it lasts.</summary>
    public string? EndReason => Volatile.Read(ref _reason);

    /// <summary>Begins to watch over the connection.</summary>
    /// <param name="ping">What to send when it is quiet; null: the peer pings.</param>
    public void Watch(Func<PingFrame>? ping)
    {
        _ping = ping;
        TimeSpan period = _timings.KeepAlive / 2;
        _watchdog = _time.CreateTimer(static state => ((RpcConnection)state!).Look(), this, period, period);
        if (EndReason is not null)
            _watchdog.Dispose();
    }

    /// <summary>The next frame, or the end. The caller owns the frame.</summary>
    /// <exception cref="IOException">The connection is broken.</exception>
    /// <exception cref="MalformedMessageException">What came is no frame.</exception>
    public async ValueTask<ReceivedFrame> ReceiveAsync(int maxBytes)
    {
        ReceivedFrame frame = await _transport.ReceiveAsync(maxBytes);
        Volatile.Write(ref _lastReceived, _time.GetTimestamp());
        if (!frame.IsEnd)
            _statistics.CountReceived(FrameLimits.PrefixBytes + 1 + frame.Content.Length);
        return frame;
    }

    /// <summary>Sends at once, past the queue: for bulk connections, which have one sender and content that mustn't be copied.</summary>
    /// <exception cref="IOException">The connection is broken.</exception>
    public async ValueTask SendDirectAsync(ReadOnlyMemory<byte> frames)
    {
        _isDirect = true;
        await _transport.SendAsync(frames);
        _statistics.CountSent(frames.Length);
    }

    /// <inheritdoc cref="SendDirectAsync(ReadOnlyMemory{byte})"/>
    public async ValueTask SendDirectAsync<TFrame>(TFrame frame, ReadOnlyMemory<byte> body = default)
        where TFrame : struct, IFrame
    {
        using var buffer = new PooledBuffer();
        FrameWriter.Write(buffer, frame, body.Span);
        await SendDirectAsync(buffer.WrittenMemory);
    }

    /// <summary>Ends the connection; only the first reason counts. Safe from any thread.</summary>
    public void Break(string reason)
    {
        if (Interlocked.CompareExchange(ref _reason, reason, null) is not null)
            return;
        _watchdog?.Dispose();
        Sender.Close();
        _transport.Abort();
        _ended.Cancel();
    }

    /// <summary>Says why to the peer, but not amid a bulk connection's content, and ends the connection.</summary>
    public async ValueTask GoodbyeAsync(string reason)
    {
        if (_isDirect)
        {
            Break(reason);
            return;
        }

        byte[] text = System.Text.Encoding.UTF8.GetBytes(reason);
        await Sender.SendAsync(default(GoodbyeFrame), text.AsSpan(0, Math.Min(text.Length, FrameLimits.TextBytes)));
        Break(reason);
    }

    private void Look()
    {
        TimeSpan quiet = _time.GetElapsedTime(Volatile.Read(ref _lastReceived));
        if (Sender.StalledFor > _timings.SendStall)
            Break($"the peer read nothing for {_timings.SendStall.TotalSeconds} s");
        else if (quiet > _timings.Silence)
            Break($"no sign of life for {_timings.Silence.TotalSeconds} s");
        else if (_ping is { } ping && quiet >= _timings.KeepAlive / 2)
            _ = Sender.SendAsync(ping());
    }
}
