using Afs.Rpc;

namespace Afs.Wire;

/// <summary>A piece of a content. It begins at a multiple of <see cref="Limits.BlockBytes"/> and ends at one, or with the content.</summary>
[WireMessage]
public sealed partial record Extent
{
    [Key(0)] public required long OffsetBytes { get; init; }
    [Key(1)] public required long LengthBytes { get; init; }

    public long EndBytes => OffsetBytes + LengthBytes;
}
