namespace Afs.Vice.Salvage;

/// <summary>What a scrub read and found.</summary>
public sealed record ScrubReport(long Contents, long Bytes, IReadOnlyList<Problem> Problems);
