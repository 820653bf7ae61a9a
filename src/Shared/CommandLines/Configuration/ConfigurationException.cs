namespace Afs.CommandLines;

/// <summary>A configuration file can't be used; the message says which, where and why, in one line.</summary>
public sealed class ConfigurationException(string message, Exception? cause = null) : Exception(message, cause);
