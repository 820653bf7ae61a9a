namespace Afs.Rpc;

/// <summary>Every bound of the Rpc layer.</summary>
public sealed record RpcLimits
{
    /// <summary>Server: connections of all kinds, those in the handshake included. A host has a share (<see cref="FairShares{THolder}"/>).</summary>
    public int Connections { get; init; } = 40_000;

    /// <summary>Server: sessions held in memory. The longest idle ones without a connection go first; their committed replies stay in the reply store.</summary>
    public int Sessions { get; init; } = 20_000;

    /// <summary>Calls that one session may have running at the other side; more are told to come again.</summary>
    public int ConcurrentCalls { get; init; } = 256;

    /// <summary>Calls that wait at the caller until they may be sent; more fail at once.</summary>
    public int WaitingCalls { get; init; } = 16_384;

    /// <summary>Bytes in a connection's send queue beyond which senders wait, and calls that come are told to come again.</summary>
    public int QueuedSendBytes { get; init; } = 4 * 1024 * 1024;

    /// <summary>Server: bytes in all send queues together, beyond which only calls of sessions with little in their queue are taken.</summary>
    public long TotalQueuedBytes { get; init; } = 256 * 1024 * 1024;

    /// <summary>Server: bytes of all requests that run. A host has a share (<see cref="FairShares{THolder}"/>).</summary>
    public long TotalRequestBytes { get; init; } = 256 * 1024 * 1024;

    /// <summary>Server: bytes of all replies that are remembered. A host has a share.</summary>
    public long TotalRememberedBytes { get; init; } = 256 * 1024 * 1024;

    /// <summary>Server: bytes of all frames that are longer than most and not yet there. A host has a share.</summary>
    public long TotalArrivingBytes { get; init; } = 128 * 1024 * 1024;

    /// <summary>Bytes of remembered replies per session beyond which new mutations are told to come again.</summary>
    public int RememberedReplyBytes { get; init; } = 8 * 1024 * 1024;

    /// <summary>Bulk connections of one session.</summary>
    public int BulkConnections { get; init; } = 4;

    /// <summary>
    /// Content bytes in a bulk chunk, a power of two; at most <see cref="FrameLimits.ChunkBytes"/>. What is written in one piece is in the page cache in one piece: with
    /// 1 MiB as most programs would have written it.
    /// </summary>
    public int ChunkBytes { get; init; } = 1024 * 1024;

    /// <summary>The first chunk of a transfer, and the shortest but for the last; a power of two.</summary>
    public int FirstChunkBytes { get; init; } = 64 * 1024;
}

/// <summary>Every wait of the Rpc layer.</summary>
public sealed record RpcTimings
{
    /// <summary>A call's deadline where its caller names none.</summary>
    public TimeSpan DefaultDeadline { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// From its start, for a call that is put off while bytes move: as long as the longest replies in a full send queue take on a line of 10 KB/s. It passes its deadline
    /// only where a frame is on its way, so this bounds what a peer that trickles can do.
    /// </summary>
    public TimeSpan LongestCall { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>From the first byte of a connection to the end of its handshake.</summary>
    public TimeSpan Handshake { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>A client pings when a connection was quiet for so long.</summary>
    public TimeSpan KeepAlive { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>A connection on which nothing came for so long is dead. More than twice <see cref="KeepAlive"/>.</summary>
    public TimeSpan Silence { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>A peer that takes no byte for so long doesn't read: the connection ends.</summary>
    public TimeSpan SendStall { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>A bulk exchange in which nothing moved for so long ends with its connection.</summary>
    public TimeSpan BulkProgress { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>A bulk connection that nobody used for so long is closed.</summary>
    public TimeSpan BulkIdle { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Between attempts to connect.</summary>
    public BackOff Reconnect { get; init; } = new(TimeSpan.FromMilliseconds(50), TimeSpan.FromSeconds(5));

    /// <summary>Between transmissions of a call where frames may be lost, or where the server was busy.</summary>
    public BackOff Resend { get; init; } = new(TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(5));
}

/// <summary>Deadlines as timestamps of a <see cref="TimeProvider"/>: comparing two is comparing numbers.</summary>
internal static class Deadlines
{
    public const long Never = long.MaxValue;

    public static long After(this TimeProvider time, TimeSpan span)
    {
        if (span == Timeout.InfiniteTimeSpan)
            return Never;
        double ticks = span.TotalSeconds * time.TimestampFrequency;
        long now = time.GetTimestamp();
        return ticks >= Never - now ? Never : now + (long)ticks;
    }

    /// <summary>What is left, not less than zero; infinite for <see cref="Never"/>.</summary>
    public static TimeSpan Until(this TimeProvider time, long deadline)
    {
        if (deadline == Never)
            return Timeout.InfiniteTimeSpan;
        TimeSpan left = time.GetElapsedTime(time.GetTimestamp(), deadline);
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    /// <summary>For the wire: milliseconds, the largest number for an unbounded deadline.</summary>
    public static uint ToWireMs(this TimeProvider time, long deadline)
    {
        TimeSpan left = time.Until(deadline);
        return left == Timeout.InfiniteTimeSpan ? uint.MaxValue : (uint)Math.Min(left.TotalMilliseconds, uint.MaxValue);
    }

    public static TimeSpan FromWireMs(uint ms) => ms == uint.MaxValue ? Timeout.InfiniteTimeSpan : TimeSpan.FromMilliseconds(ms);

    /// <summary>What a timer may be armed with: never longer than it takes.</summary>
    public static TimeSpan ForTimer(TimeSpan span) =>
        span == Timeout.InfiniteTimeSpan || span < MaxTimer ? span : MaxTimer;

    private static readonly TimeSpan MaxTimer = TimeSpan.FromDays(20);
}

/// <summary>Exponential back-off with jitter: each wait is drawn from the upper half of a bound that doubles from <paramref name="First"/> to <paramref name="Most"/>.</summary>
public readonly record struct BackOff(TimeSpan First, TimeSpan Most)
{
    private const int MaxDoublings = 20;

    /// <param name="attempt">From 0.</param>
    public TimeSpan Delay(int attempt, Random random)
    {
        double bound = Math.Min(Most.TotalMilliseconds, First.TotalMilliseconds * (1L << Math.Clamp(attempt, 0, MaxDoublings)));
        return TimeSpan.FromMilliseconds(bound * (0.5 + (random.NextDouble() / 2)));
    }
}
