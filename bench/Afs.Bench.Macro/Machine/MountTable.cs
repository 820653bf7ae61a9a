namespace Afs.Bench.Macro.Machine;

/// <summary>What /proc/self/mountinfo says (proc_pid_mountinfo(5)).</summary>
public static class MountTable
{
    /// <summary>The type of the filesystem that a folder is on, such as "ext4".</summary>
    public static string TypeOf(string directory)
    {
        (string Point, string Type) best = ("", "unknown");
        foreach ((string point, string type) in Read())
        {
            bool holds = point == "/" || directory == point || directory.StartsWith(point + "/", StringComparison.Ordinal);
            if (holds && point.Length >= best.Point.Length)
                best = (point, type);
        }
        return best.Type;
    }

    public static bool IsMountPoint(string directory) => Read().Any(m => m.Point == directory);

    private static IEnumerable<(string Point, string Type)> Read()
    {
        foreach (string line in File.ReadLines("/proc/self/mountinfo"))
        {
            string[] fields = line.Split(' ');
            int separator = Array.IndexOf(fields, "-");
            yield return (Unescape(fields[4]), fields[separator + 1]);
        }
    }

    private static string Unescape(string text) =>
        text.Replace("\\040", " ", StringComparison.Ordinal).Replace("\\011", "\t", StringComparison.Ordinal);
}
