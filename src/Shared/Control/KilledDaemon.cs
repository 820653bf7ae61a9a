using System.Globalization;

namespace Afs.Control;

/// <summary>
/// A daemon that was killed, and whose process stands all the same: a thread of it waits in the kernel, to take a name back from it, for a directory that is locked by a call which waits for this daemon
/// (fs/fuse/dir.c, fuse_reverse_inval_entry). It runs no more code of the program. What it has open stays open: its control socket accepts, its lock on the cache folder is held, its
/// mount doesn't say that its daemon is gone. All of that ends when the call is answered, by the next daemon of a supervised mount, or ended, by the end of the connection.
/// </summary>
public static class KilledDaemon
{
    /// <summary>The names of threads that take names back, as the kernel shows them.</summary>
    public const string NamesThread = "afs-names", TakenNamesThread = "afs-taken-names";

    /// <summary>It was killed, and nothing but such threads is left of it. False: it lives, or is gone, or is somebody's of whom nothing can be read.</summary>
    public static bool Is(int processId)
    {
        string folder = string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}");
        try
        {
            return IsZombie(folder) && Directory.EnumerateDirectories($"{folder}/task").All(static task => IsZombie(task) || File.ReadAllText($"{task}/comm").Trim() is NamesThread or TakenNamesThread);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>By proc(5): the state follows the name, which is in brackets and may hold anything.</summary>
    private static bool IsZombie(string folder)
    {
        string stat = File.ReadAllText($"{folder}/stat");
        int state = stat.LastIndexOf(')') + 2;
        return state < stat.Length && stat[state] is 'Z' or 'X';
    }
}
