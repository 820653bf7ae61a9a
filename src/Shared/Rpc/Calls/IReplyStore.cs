namespace Afs.Rpc;

/// <summary>
/// The durable side of at-most-once, owned by the service: it commits a mutation's encoded reply in the same transaction as the
/// mutation itself, and gives back after a restart what it has. Birrell and Nelson 1984; the reply is kept until the client says that it saw it.
/// </summary>
public interface IReplyStore
{
    /// <summary>The session, if it was ever established and hasn't ended; with the highest sequence up to which replies were forgotten.</summary>
    bool TryGetSession(SessionId session, out ClientId client, out CallSequence forgottenThrough);

    /// <summary>Establishes a session and makes it durable before it returns.</summary>
    ValueTask<SessionId> CreateSessionAsync(ClientId client, CancellationToken cancellation);

    /// <summary>The committed reply of a mutation, encoded as <see cref="StoredReply"/> says; null if it surely never ran.</summary>
    StoredReply? Find(CallId call);

    /// <summary>The client has seen all replies up to here: they may go, in due course.</summary>
    void Forget(SessionId session, CallSequence through);
}

/// <summary>A committed reply: an encoded message, or an abort code.</summary>
/// <param name="Body">The encoded reply message; empty for an abort.</param>
public readonly record struct StoredReply(AbortCode Abort, ReadOnlyMemory<byte> Body);
