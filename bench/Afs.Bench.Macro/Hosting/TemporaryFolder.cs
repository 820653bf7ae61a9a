namespace Afs.Bench.Macro.Hosting;

/// <summary>Makes folders that no one else uses.</summary>
public static class TemporaryFolder
{
    private const string Prefix = "afs-bench-";

    public static string Create(string parent)
    {
        string path = Path.Combine(Path.GetFullPath(parent), Prefix + Guid.NewGuid().ToString("N")[..8]);
        return Directory.CreateDirectory(path).FullName;
    }
}
