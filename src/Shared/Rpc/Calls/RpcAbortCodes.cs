namespace Afs.Rpc;

/// <summary>The Rpc layer's own abort codes.</summary>
public static class RpcAbortCodes
{
    /// <summary>The service has no such operation: the peer is of another version of the contract.</summary>
    public static readonly AbortCode NoSuchOperation = new(1);

    /// <summary>This peer takes no calls, or no bulk transfer.</summary>
    public static readonly AbortCode NoService = new(2);
}
