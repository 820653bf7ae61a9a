using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>A store whose content is at the server, or in the request.</summary>
/// <param name="SentBytes">What of the content was sent.</param>
/// <param name="Blocks">The sums of the content as it was sent; null where they aren't known.</param>
internal sealed record FilledStore(StoreDataRequest Request, long SentBytes, BlockSums? Blocks);
