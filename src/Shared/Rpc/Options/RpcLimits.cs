namespace Afs.Rpc;

/// <summary>Every bound of the Rpc layer.</summary>
public sealed record RpcLimits
{
    /// <summary>Server: connections of all kinds, those in the handshake included.</summary>
    public int Connections { get; init; } = 40_000;

    /// <summary>Server: sessions held in memory. The longest idle ones without a connection go first; their committed replies stay in the reply store.</summary>
    public int Sessions { get; init; } = 20_000;

    /// <summary>Calls that one session may have running at the other side; more are told to come again.</summary>
    public int ConcurrentCalls { get; init; } = 256;

    /// <summary>Calls that wait at the caller until they may be sent; more fail at once.</summary>
    public int WaitingCalls { get; init; } = 16_384;

    /// <summary>Bytes in a connection's send queue beyond which senders wait.</summary>
    public int QueuedSendBytes { get; init; } = 4 * 1024 * 1024;

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
