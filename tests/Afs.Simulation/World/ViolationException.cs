namespace Afs.Simulation;

/// <summary>The system broke its contract. The message says which part, and how it was seen.</summary>
public sealed class ViolationException(string message, Exception? inner = null) : Exception(message, inner);
