namespace Afs.Rpc;

/// <summary>Bytes from the other side that no correct peer sends. Whoever reads the connection catches it, and ends the connection with its message as the one reason.</summary>
public sealed class MalformedMessageException(string message) : Exception(message);
