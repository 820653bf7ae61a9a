namespace Afs.Rpc;

/// <summary>
/// Goes with every call. The caller sets <see cref="Deadline"/> and <see cref="Cancellation"/>;
/// at the server the dispatcher sets the rest.
/// </summary>
public readonly record struct CallContext
{
    /// <summary>How long the call may take, retries included; null means the channel's default.</summary>
    public TimeSpan? Deadline { get; init; }

    /// <summary>At the caller: nobody waits for the reply any more. At the server: the server stops; in a bulk exchange, and in a call to a client, also that the connection is gone.</summary>
    public CancellationToken Cancellation { get; init; }

    /// <summary>Server only: which call this is. Key of the reply cache.</summary>
    public CallId Id { get; init; }

    /// <summary>Server only: how the caller is shown in logs, e.g. its address.</summary>
    public string? Peer { get; init; }
}
