namespace Afs.Rpc;

/// <summary>An address that is none, or at which one can't listen. The message is for the user.</summary>
public sealed class RpcEndpointException(string message, Exception? inner = null) : Exception(message, inner);
