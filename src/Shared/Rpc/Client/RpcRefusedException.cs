namespace Afs.Rpc;

/// <summary>The server refuses this client. The message is for the user; for a version mismatch it names both versions.</summary>
public sealed class RpcRefusedException(RefusalReason reason, string message) : IOException(message)
{
    public RefusalReason Reason { get; } = reason;
}
