using Afs.Wire;

namespace Afs.Vice.Salvage;

/// <summary>What salvage remembers of a vnode, small enough for millions.</summary>
internal sealed class VnodeNode(FetchStatus status)
{
    public Uniquifier Uniquifier { get; } = status.Fid.Uniquifier;
    public FileType Type { get; } = status.Type;
    public uint LinkCount { get; } = status.LinkCount;
    public VnodeNumber Parent { get; } = status.Parent.Vnode;
    public long LengthBytes { get; } = status.LengthBytes;
    public DataVersion DataVersion { get; } = status.DataVersion;

    /// <summary>Names that stand for it.</summary>
    public uint Names { get; set; }

    /// <summary>Directories among a directory's entries.</summary>
    public uint Subdirectories { get; set; }

    /// <summary>A directory's parent, as its name has it.</summary>
    public VnodeNumber NamedIn { get; set; }

    /// <summary>Its session holds it.</summary>
    public bool IsUnnamed { get; set; }

    public bool HasContent { get; set; }

    /// <summary>The walk up from it ends at the root.</summary>
    public bool ReachesRoot { get; set; }
}
