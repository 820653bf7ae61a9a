namespace Afs.Vice.Salvage;

/// <summary>What a salvage looked at and found.</summary>
public sealed record SalvageReport(long Volumes, long Vnodes, long Names, long Contents, IReadOnlyList<Problem> Problems, bool HasMore);
