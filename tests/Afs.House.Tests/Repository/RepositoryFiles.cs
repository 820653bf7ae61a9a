namespace Afs.House.Tests.Repository;

/// <summary>The files of the repository that holds these tests, without what builds leave behind.</summary>
internal static class RepositoryFiles
{
    private static readonly string[] BuildFolders = ["artifacts", "bin", "obj", ".git", ".vs", ".idea", "data", "TestResults"];

    /// <summary>The folder that holds the solution.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>Files below <paramref name="folder"/> ("" for all) that match <paramref name="pattern"/>.</summary>
    public static IReadOnlyList<RepositoryFile> Below(string folder, string pattern)
    {
        string start = Path.Combine(Root, folder);
        if (!Directory.Exists(start))
            return [];

        return [.. Directory.EnumerateFiles(start, pattern, SearchOption.AllDirectories)
            .Select(path => new RepositoryFile(Path.GetRelativePath(Root, path)))
            .Where(file => !file.Path.Split('/').Any(BuildFolders.Contains))
            .OrderBy(file => file.Path, StringComparer.Ordinal)];
    }

    /// <summary>The C# sources of the product.</summary>
    public static IReadOnlyList<RepositoryFile> Sources { get; } = Below("src", "*.cs");

    public static bool Exists(string path) => Path.Exists(Path.Combine(Root, path));

    private static string FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Afs.sln")))
                return folder.FullName;
        }
        throw new InvalidOperationException($"no Afs.sln above {AppContext.BaseDirectory}");
    }
}
