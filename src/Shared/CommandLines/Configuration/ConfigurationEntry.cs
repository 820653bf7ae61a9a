namespace Afs.CommandLines;

/// <summary>One option of a configuration file.</summary>
/// <param name="Name">As on the command line, without the dashes.</param>
/// <param name="Line">From 1.</param>
public sealed record ConfigurationEntry(string Name, IReadOnlyList<string> Values, long Line);
