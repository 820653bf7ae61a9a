using Afs.Bench.Macro.Native;

namespace Afs.Bench.Macro.Machine;

/// <summary>The kernel's caches of pages, names and inodes.</summary>
public static class PageCache
{
    private const string DropPath = "/proc/sys/vm/drop_caches";

    /// <summary>Dropping is root's right.</summary>
    public static bool CanDrop { get; } = LibC.EffectiveUser() == 0 && File.Exists(DropPath);

    /// <summary>Writes everything that is dirty, so that a timed section doesn't pay for what came before it.</summary>
    public static void Settle() => LibC.Sync();

    /// <summary>Writes what is dirty, then drops pages, names and inodes of the whole machine.</summary>
    public static void Drop()
    {
        LibC.Sync();
        File.WriteAllText(DropPath, "3\n");
    }
}
