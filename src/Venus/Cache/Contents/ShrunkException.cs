namespace Afs.Venus.Cache;

/// <summary>The file became shorter while it was being stored: begin again.</summary>
internal sealed class ShrunkException : Exception;
