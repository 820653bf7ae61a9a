namespace Afs.Venus.Hosting;

/// <summary>What becomes of reads while the server can't be reached, and the lease has ended.</summary>
public enum DisconnectedMode
{
    /// <summary>They wait for the server, and fail with ETIMEDOUT.</summary>
    Fail,

    /// <summary>They get what is cached, which may be old.</summary>
    Serve,
}
