namespace Afs.Bench.Macro.Trees;

/// <summary>A source tree on the control's disk: what the Andrew benchmark copies and builds, and what the tools unpack and clone.</summary>
public sealed class SourceTree
{
    private SourceTree(string root, string buildCommand)
    {
        Root = root;
        BuildCommand = buildCommand;
        Directories = [.. Enumerate(root, Directory.EnumerateDirectories)];
        Files = [.. Directories.Prepend("").SelectMany(
            d => Directory.EnumerateFiles(Path.Combine(root, d)).Order().Select(f => Path.GetRelativePath(root, f)))];
    }

    public string Root { get; }

    /// <summary>Run with sh in a copy of the tree.</summary>
    public string BuildCommand { get; }

    /// <summary>Relative to the root, parents first.</summary>
    public IReadOnlyList<string> Directories { get; }

    /// <summary>Relative to the root.</summary>
    public IReadOnlyList<string> Files { get; }

    public static SourceTree Given(string root, string buildCommand) => new(Path.GetFullPath(root), buildCommand);

    public static SourceTree Generate(string root, int sources)
    {
        GeneratedSources.Write(root, sources);
        return new SourceTree(root, "make");
    }

    private static IEnumerable<string> Enumerate(string root, Func<string, IEnumerable<string>> list)
    {
        var pending = new Queue<string>([root]);
        while (pending.TryDequeue(out string? directory))
        {
            foreach (string child in list(directory).Where(d => Path.GetFileName(d) != ".git").Order())
            {
                yield return Path.GetRelativePath(root, child);
                pending.Enqueue(child);
            }
        }
    }
}
