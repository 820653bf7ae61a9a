using Afs.Wire;

namespace Afs.Vice.Volumes.Content;

/// <summary>A small patch, ready for the metadata. Nothing refers to it yet.</summary>
/// <param name="Base">The whole content file beneath it.</param>
/// <param name="Bytes">The patch.</param>
/// <param name="Crc32C">Of the whole content.</param>
internal sealed record RowPatch(ContentParts Parts, ObjectId Base, byte[] Bytes, uint Crc32C);
