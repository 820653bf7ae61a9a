using Afs.Rpc;

namespace Afs.Wire;

/// <summary>
/// A content said by what of it differs from a base: the extents have bytes of their own, all else is as in an older version of the same file,
/// and zeros behind the end of that.
/// </summary>
[WireMessage]
public sealed partial record ContentParts
{
    /// <summary>Of the whole content; not shorter than the base.</summary>
    [Key(0)] public required long LengthBytes { get; init; }

    /// <summary>The older version. <see cref="DataVersion.None"/>: zeros.</summary>
    [Key(1)] public required DataVersion Base { get; init; }

    /// <summary>Ascending and apart.</summary>
    [Key(2), Limit(Limits.ExtentsPerContent)] public required IReadOnlyList<Extent> Extents { get; init; }

    /// <summary>The bytes of all extents together: what travels.</summary>
    public long TransferBytes => Extents.Sum(static e => e.LengthBytes);
}
