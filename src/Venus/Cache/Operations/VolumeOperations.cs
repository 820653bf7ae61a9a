using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>Mutations of a volume: each is one call, whose reply goes into the caches.</summary>
internal sealed class VolumeOperations
{
    public VolumeOperations(VolumeId volume, VolumeSurroundings around, ContainerStore store, VolumeStatuses known, VolumeContents contents, KernelNotices kernel)
    {
        (Statuses statuses, DirectoryCache directories) = (known.Statuses, known.Directories);
        var doubts = new DoubtfulChanges(statuses, directories, around.Trust, kernel);
        var names = new NameOperations(around.Calls, statuses, directories, contents.Cache, contents.Unnamed, doubts, contents.Removals);
        var figures = new VolumeFigures(volume, around.Calls, around.Time);
        var unstored = new UnstoredStatus(statuses, store.Table, contents.Uses);
        Files = new FileOperations(
            around.Calls, statuses, directories, names, store.Table, contents.Uses, contents.Unnamed, store.Room, Xattrs, unstored, figures, doubts, contents.Removals, around.Time);
    }

    public FileOperations Files { get; }

    public XattrCache Xattrs { get; } = new();
}
