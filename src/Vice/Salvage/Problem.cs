namespace Afs.Vice.Salvage;

/// <summary>Something that is wrong.</summary>
/// <param name="Where">The fid, name or volume, for the administrator.</param>
/// <param name="Repair">What to do about it in the metadata; null: nothing can be done without loss.</param>
public sealed record Problem(ProblemKind Kind, string Where, Action<Volumes.Metadata.IMetadataTransaction>? Repair)
{
    public override string ToString() => $"{Kind}: {Where}";
}
