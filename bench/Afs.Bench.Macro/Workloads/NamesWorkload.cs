using Afs.Bench.Macro.Measuring;
using Afs.Bench.Macro.Native;
using Afs.Bench.Macro.Places;

namespace Afs.Bench.Macro.Workloads;

/// <summary>Creates, renames and unlinks of empty files, makes and removes of folders, by one process. On the mount each is on stable storage when it returns.</summary>
public sealed class NamesWorkload(WorkContext context) : Workload(context)
{
    private static readonly Measure Create = new("create of an empty file");
    private static readonly Measure Rename = new("rename");
    private static readonly Measure Unlink = new("unlink");
    private static readonly Measure MakeFolder = new("mkdir");
    private static readonly Measure RemoveFolder = new("rmdir");

    public override string Name => "names";

    public override string About => "create, rename, unlink of many empty files, mkdir, rmdir";

    public override void Run(Place place, Recorder record)
    {
        int count = Context.Sizes.Names;
        NativePath[] from = NativePath.Numbered(FolderOf(place), "from-", count);
        NativePath[] to = NativePath.Numbered(FolderOf(place), "to-", count);
        record.Time(Create, () => CreateAll(from), count);
        record.Time(Rename, () => RenameAll(from, to), count);
        record.Time(Unlink, () => UnlinkAll(to), count);
        record.Time(MakeFolder, () => Array.ForEach(from, FileTree.MakeDirectory), count);
        record.Time(RemoveFolder, () => Array.ForEach(from, FileTree.RemoveDirectory), count);
        place.Sync();
    }

    private static void CreateAll(NativePath[] paths)
    {
        foreach (NativePath path in paths)
            NativeFile.Create(path).Dispose();
    }

    private static void RenameAll(NativePath[] from, NativePath[] to)
    {
        for (int i = 0; i < from.Length; i++)
            FileTree.Rename(from[i], to[i]);
    }

    private static void UnlinkAll(NativePath[] paths)
    {
        foreach (NativePath path in paths)
            FileTree.Unlink(path);
    }
}
