using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>What is to be written in one transaction.</summary>
internal sealed class SavedChanges
{
    public List<FetchStatus> Statuses { get; } = [];

    public List<SavedDirectory> Directories { get; } = [];

    /// <summary>Vnodes that are not cached any more, and directories' names with them. Comes before what is added.</summary>
    public List<Fid> Removed { get; } = [];

    public int Count => Statuses.Count + Directories.Count + Removed.Count;
}
