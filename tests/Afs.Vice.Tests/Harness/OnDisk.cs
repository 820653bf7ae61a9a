using System.Diagnostics;

namespace Afs.Vice.Tests.Harness;

/// <summary>What stat(1) says of a file.</summary>
public static class OnDisk
{
    public static async Task<long> AllocatedBytesAsync(string path)
    {
        using Process stat = Process.Start(new ProcessStartInfo("stat", ["-c", "%b %B", path]) { RedirectStandardOutput = true })!;
        string[] words = (await stat.StandardOutput.ReadToEndAsync()).Split(' ');
        await stat.WaitForExitAsync();
        return long.Parse(words[0]) * long.Parse(words[1]);
    }
}
