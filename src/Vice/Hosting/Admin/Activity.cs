namespace Afs.Vice.Hosting.Admin;

/// <summary>Something that the server has just done, for the live page.</summary>
/// <param name="Kind">store, overwrite, create, remove, rename, link or break.</param>
/// <param name="Client">Who asked; of a break, null.</param>
/// <param name="Subject">The fid or the name that it was about. Text from clients: to be shown as text only.</param>
public sealed record Activity(DateTimeOffset Time, string Kind, string? Client, string Subject, long? Bytes, ulong? Version, double Milliseconds);
