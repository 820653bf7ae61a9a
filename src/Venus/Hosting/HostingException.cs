namespace Afs.Venus.Hosting;

/// <summary>Something that the user must put right. The message is one line, for them.</summary>
public sealed class HostingException(ExitCode code, string message, Exception? inner = null) : ControlException(code, message, inner);
