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
    /// Content bytes in a bulk chunk; at most <see cref="FrameLimits.ChunkBytes"/>. Seven blocks of 64 KiB, so that both sides read, write and sum up whole
    /// blocks where they are, and a chunk with its frame's head fits an array of the pool.
    /// </summary>
    public int ChunkBytes { get; init; } = 7 * 64 * 1024;

    /// <summary>
    /// The first chunk of a transfer, each further one being twice as long up to <see cref="ChunkBytes"/>: who waits for the beginning of a large content
    /// has it soon on a slow line too.
    /// </summary>
    public int FirstChunkBytes { get; init; } = 64 * 1024;
}
