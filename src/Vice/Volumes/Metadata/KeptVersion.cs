using Afs.Wire;

namespace Afs.Vice.Volumes.Metadata;

/// <summary>
/// A version that somebody's store replaced without having seen it. Kept for a while, so that an update that was lost to
/// "last closer wins" can be got back.
/// </summary>
/// <param name="Content">Its <see cref="ContentRecord.Writer"/> is who lost.</param>
/// <param name="KeptAt">The server's clock.</param>
public sealed record KeptVersion(Fid Fid, long LengthBytes, uint Crc32C, ContentRecord Content, DateTimeOffset KeptAt);
