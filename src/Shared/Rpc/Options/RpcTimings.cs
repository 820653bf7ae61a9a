namespace Afs.Rpc;

/// <summary>Every wait of the Rpc layer.</summary>
public sealed record RpcTimings
{
    /// <summary>A call's deadline where its caller names none.</summary>
    public TimeSpan DefaultDeadline { get; init; } = TimeSpan.FromSeconds(60);

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
