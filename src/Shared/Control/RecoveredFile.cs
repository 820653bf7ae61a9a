namespace Afs.Control;

/// <summary>A file of the recovered folder: changes that could not be stored where they belong.</summary>
/// <param name="Path">Where it is.</param>
/// <param name="Original">The name that it had.</param>
public sealed record RecoveredFile(string Path, string Original, string Fid, string Reason);
