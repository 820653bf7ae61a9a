using System.Xml.Linq;

namespace Afs.House.Tests.Repository;

/// <summary>A project and what it refers to.</summary>
internal sealed record ProjectFile(RepositoryFile File)
{
    public static IReadOnlyList<ProjectFile> All { get; } = [.. RepositoryFiles.Below("", "*.csproj").Select(file => new ProjectFile(file))];

    /// <summary>Its path and name without the extension, for instance <c>Afs.Wire</c>.</summary>
    public string Name => Path.GetFileNameWithoutExtension(File.Path);

    public string Folder => Path.GetDirectoryName(File.Path)!;

    /// <summary>The names of the projects that it refers to.</summary>
    public IReadOnlyList<string> References =>
        [.. Elements("ProjectReference").Select(e => Path.GetFileNameWithoutExtension(Attribute(e, "Include")!.Replace('\\', '/')))];

    /// <summary>Its package references, with the version where one is written in the project itself.</summary>
    public IReadOnlyList<(string Id, string? Version)> Packages =>
        [.. Elements("PackageReference").Select(e => (Attribute(e, "Include")!, Attribute(e, "Version") ?? Attribute(e, "VersionOverride")))];

    /// <summary>The names of all projects that it reaches over any number of references.</summary>
    public IReadOnlySet<string> Reaches()
    {
        var reached = new HashSet<string>();
        var open = new Stack<string>(References);
        while (open.TryPop(out string? name))
        {
            if (!reached.Add(name))
                continue;
            foreach (string next in All.Single(project => project.Name == name).References)
                open.Push(next);
        }
        return reached;
    }

    private IEnumerable<XElement> Elements(string name) =>
        XDocument.Parse(File.Text).Descendants(name).Where(e => Attribute(e, "Include") is not null);

    private static string? Attribute(XElement element, string name) => element.Attribute(name)?.Value;
}
