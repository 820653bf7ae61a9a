namespace Afs.Mount.Tests.Kit;

/// <summary>Which mounts there are, without touching them.</summary>
internal static class MountTable
{
    private const int DeviceField = 2, PathField = 4;

    public static bool IsMounted(string path) => FindDevice(path) is not null;

    /// <summary>Ends the connection, so that whoever hangs on it comes back, and takes the mount away.</summary>
    public static void TakeAway(string path)
    {
        while (FindDevice(path) is { } device)
        {
            string abort = $"/sys/fs/fuse/connections/{device[(device.IndexOf(':') + 1)..]}/abort";
            if (File.Exists(abort))
                File.WriteAllText(abort, "1");
            if (Commands.Run("umount", "-l", path).ExitCode != 0)
                return;
        }
    }

    private static string? FindDevice(string path) =>
        File.ReadLines("/proc/self/mountinfo").Select(line => line.Split(' ')).LastOrDefault(fields => fields[PathField] == path)?[DeviceField];
}
