using Afs.Wire;

namespace Afs.Vice.Volumes.Metadata;

/// <summary>A volume's own row.</summary>
/// <param name="LastVnode">The highest vnode number ever given; numbers are never reused.</param>
/// <param name="Version">Rises with each change in the volume.</param>
/// <param name="Incarnation">Random, made with the volume, and again when it is restored from a backup.</param>
/// <param name="Vnodes">How many there are.</param>
public sealed record VolumeRecord(
    VolumeId Id,
    string Name,
    VnodeNumber LastVnode,
    VolumeVersion Version,
    ulong Incarnation,
    ulong Vnodes)
{
    /// <summary>Of vnodes made in this incarnation. Never zero, so that no fid of a volume is the default one.</summary>
    public Uniquifier Uniquifier => new((uint)(Incarnation ^ (Incarnation >> 32)) | 1);
}
