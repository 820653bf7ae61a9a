using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>What people ask of a volume's cache, and what they let go of.</summary>
internal sealed class VolumeQuestions
{
    public VolumeQuestions(Fid root, VolumeSurroundings around, ContainerStore store, VolumeStatuses known, VolumeContents contents, VolumeOperations operations)
    {
        (Statuses statuses, DirectoryCache directories) = (known.Statuses, known.Directories);
        var trees = new TreeWalk(statuses, directories);
        var rights = new RequesterRights(operations.Files);
        Inspection = new CacheInspection(new PathWalker(root, statuses, directories, rights), trees, statuses, directories, store.Table, rights);
        Discards = new Discards(root.Volume, statuses, directories, store.Table, store.Room, contents.Cache);
        Watches = new Watches(Inspection, trees, statuses, directories, known.Feed, around.Time);
    }

    public CacheInspection Inspection { get; }

    public Discards Discards { get; }

    public Watches Watches { get; }
}
