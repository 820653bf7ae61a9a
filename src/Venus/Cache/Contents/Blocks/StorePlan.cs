using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>What of a container is sent for a store, and what its content is taken to be a change of.</summary>
/// <param name="Parts">Null: the whole content is sent.</param>
/// <param name="Extents">What is sent; all of it where the whole content is.</param>
/// <param name="BaseCrc32C">Of the base; of nothing where that is zeros.</param>
/// <param name="BaseLengthBytes">Of the base; 0 where that is zeros.</param>
/// <param name="Before">The sums of the base with zeros behind it; null where the content is too long, and the base zeros.</param>
internal sealed record StorePlan(
    long LengthBytes, ContentParts? Parts, IReadOnlyList<Extent> Extents, uint BaseCrc32C, long BaseLengthBytes, BlockSums? Before)
{
    public long TransferBytes { get; } = Extents.Sum(static e => e.LengthBytes);
}
