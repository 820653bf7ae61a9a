using Afs.Wire;

namespace Afs.Vice.Volumes.Metadata;

/// <summary>A name in a directory and what it stands for.</summary>
public sealed record EntryRecord(VnodeNumber Directory, byte[] Name, Fid Target, FileType Type);
