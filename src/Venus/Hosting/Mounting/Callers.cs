using System.Globalization;
using System.Runtime.InteropServices;

namespace Afs.Venus.Hosting;

/// <summary>What threads that wait for the filesystem are in, by /proc/TID/syscall.</summary>
internal static class Callers
{
    /// <summary>
    /// System calls that take a directory's lock before they ask whether they may change it: open, creat, mkdir, rmdir, unlink, rename, link, symlink, mknod, utime, setxattr,
    /// removexattr and their kin; bind, and io_uring_enter.
    /// </summary>
    private static readonly int[] ChangesOfX64 =
        [2, 49, 82, 83, 84, 85, 86, 87, 88, 132, 133, 188, 189, 190, 197, 198, 199, 235, 257, 258, 259, 261, 263, 264, 265, 266, 280, 316, 426, 437, 463, 466];

    private static readonly int[] ChangesOfArm64 = [5, 6, 7, 14, 15, 16, 33, 34, 35, 36, 37, 38, 56, 88, 200, 276, 426, 437, 463, 466];

    /// <summary>False where it can't be told: of another pid namespace or user, in the kernel itself, on another architecture.</summary>
    public static bool SeemsToRead(uint caller)
    {
        int[]? changes = RuntimeInformation.ProcessArchitecture switch
        {
            Architecture.X64 => ChangesOfX64,
            Architecture.Arm64 => ChangesOfArm64,
            _ => null,
        };
        return changes is not null && SystemCall(caller) is { } call && !changes.Contains(call);
    }

    private static int? SystemCall(uint caller)
    {
        try
        {
            string line = caller == 0 ? "" : File.ReadAllText($"/proc/{caller}/syscall");
            return int.TryParse(line.AsSpan(0, Math.Max(0, line.IndexOf(' '))), NumberStyles.None, CultureInfo.InvariantCulture, out int call) ? call : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
