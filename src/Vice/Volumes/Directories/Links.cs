using Afs.Vice.Volumes.Metadata;
using Afs.Vice.Volumes.Mutations;
using Afs.Wire;

namespace Afs.Vice.Volumes.Directories;

/// <summary>What names hold, and what becomes of it when they go.</summary>
internal static class Links
{
    /// <summary>What an entry stands for. That it is there is the volume's first invariant.</summary>
    public static FetchStatus Target(MutationScope scope, EntryRecord entry) =>
        scope.Find(entry.Target) ?? throw new StorageException(
            StorageFailure.Corrupt, $"A name in directory {entry.Directory} stands for {entry.Target}, which isn't there. Run vice salvage.");

    /// <summary>One name less. True: others are left. A vnode without any is gone, as is a directory.</summary>
    public static bool Drop(MutationScope scope, FetchStatus target, Timestamp time)
    {
        if (target.Type == FileType.Directory || target.LinkCount <= 1)
        {
            scope.Delete(target.Fid);
            return false;
        }
        scope.Change(target with { LinkCount = target.LinkCount - 1, ChangeTime = time });
        return true;
    }
}
