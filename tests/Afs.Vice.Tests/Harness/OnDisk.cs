using System.Diagnostics;

namespace Afs.Vice.Tests.Harness;

/// <summary>What the machine says of files and mounts.</summary>
public static class OnDisk
{
    public static async Task<long> AllocatedBytesAsync(string path)
    {
        using Process stat = Process.Start(new ProcessStartInfo("stat", ["-c", "%b %B", path]) { RedirectStandardOutput = true })!;
        string[] words = (await stat.StandardOutput.ReadToEndAsync()).Split(' ');
        await stat.WaitForExitAsync();
        return long.Parse(words[0]) * long.Parse(words[1]);
    }

    public static bool IsMountPoint(string path) => File.ReadLines("/proc/self/mounts").Any(line => line.Split(' ')[1] == path);
}
