namespace Afs.House.Tests.Repository;

/// <summary>One file, by its path from the repository's root.</summary>
internal sealed record RepositoryFile(string Path)
{
    public string Text => File.ReadAllText(System.IO.Path.Combine(RepositoryFiles.Root, Path));

    public IReadOnlyList<string> Lines => File.ReadAllLines(System.IO.Path.Combine(RepositoryFiles.Root, Path));

    public bool IsIn(string folder) => Path.StartsWith(folder.TrimEnd('/') + '/', StringComparison.Ordinal);

    public override string ToString() => Path;
}
