using System.Security.Cryptography;
using System.Text;
using SharpFuzz;

namespace Afs.Fuzz;

/// <summary>A copy of this program whose parsers tell what they reach. Made once for each build.</summary>
internal static class Instrumentation
{
    private const string Prefix = "instrumented-";

    private static readonly TimeSpan LongestRun = TimeSpan.FromDays(7);

    /// <summary>What reads bytes from outside, and the library that reads YAML; of this program, the parsers with planted errors.</summary>
    private static readonly string[] Assemblies = ["Afs.CommandLines", "Afs.Control", "Afs.Fuse", "Afs.Rpc", "Afs.Wire", "fuzz", "venus", "vice", "YamlDotNet"];

    /// <summary>The program of the copy.</summary>
    public static string Prepare(string folder)
    {
        string here = AppContext.BaseDirectory;
        string copy = Path.Combine(folder, Prefix + Fingerprint(here));
        string program = Path.Combine(copy, "fuzz.dll");
        if (Directory.Exists(copy))
            return program;
        Directory.CreateDirectory(folder);
        string part = Directory.CreateTempSubdirectory("fuzz-").FullName;
        CopyAll(here, part);
        foreach (string assembly in Assemblies)
        {
            bool isThisProgram = assembly == "fuzz";
            _ = Fuzzer.Instrument(
                Path.Combine(part, assembly + ".dll"), type => !isThisProgram || type.StartsWith("Afs.Fuzz.Planted.", StringComparison.Ordinal), Options.Value).ToList();
        }
        // A younger one may be in use.
        foreach (string older in Directory.EnumerateDirectories(folder, Prefix + "*").Where(static found => DateTime.UtcNow - Directory.GetLastWriteTimeUtc(found) > LongestRun))
            Directory.Delete(older, recursive: true);
        string whole = $"{copy}.{Environment.ProcessId}";
        CopyAll(part, whole);
        Directory.Delete(part, recursive: true);
        try
        {
            Directory.Move(whole, copy);
        }
        catch (IOException) when (Directory.Exists(copy))
        {
            Directory.Delete(whole, recursive: true); // Another process made it meanwhile.
        }
        return program;
    }

    private static string Fingerprint(string folder)
    {
        var text = new StringBuilder();
        foreach (string file in Directory.EnumerateFiles(folder, "*.dll").Order(StringComparer.Ordinal))
            text.Append(file).Append(Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file))));
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())).AsSpan(0, 8));
    }

    private static void CopyAll(string from, string to)
    {
        foreach (string file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy, overwrite: true);
        }
    }
}
