namespace Afs.Vice.Hosting;

/// <summary>Something that the administrator must put right before the program can do its work. The message is one line, for them.</summary>
public sealed class StartException(string message, Exception? inner = null) : Exception(message, inner);
