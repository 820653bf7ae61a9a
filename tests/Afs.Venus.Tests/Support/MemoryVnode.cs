using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>A vnode of <see cref="MemoryVolume"/>.</summary>
internal sealed class MemoryVnode(FetchStatus status)
{
    public FetchStatus Status { get; set; } = status;

    public byte[] Content { get; set; } = [];

    public SortedDictionary<string, (Fid Fid, FileType Type)> Names { get; } = new(StringComparer.Ordinal);

    /// <summary>Directory changes by the version that each made.</summary>
    public SortedDictionary<ulong, List<DirectoryChange>> Changes { get; } = [];

    public Dictionary<string, byte[]> Xattrs { get; } = [];
}
