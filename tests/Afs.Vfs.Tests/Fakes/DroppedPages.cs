using Afs.Fuse;

namespace Afs.Vfs.Tests;

/// <summary>A piece of a file whose cached data the kernel was told to drop.</summary>
internal readonly record struct DroppedPages(NodeId Node, long OffsetBytes, long LengthBytes);
