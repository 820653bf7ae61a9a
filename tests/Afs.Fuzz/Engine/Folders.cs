using System.Globalization;

namespace Afs.Fuzz;

/// <summary>Where everything is: the corpus of the tree, and below artifacts/fuzz all that runs leave.</summary>
internal sealed record Folders(string Root)
{
    /// <summary>Of the tree that this program was built from.</summary>
    public static Folders Find()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Afs.sln")))
                return new Folders(folder.FullName);
        }
        throw new DirectoryNotFoundException("This program doesn't stand in the tree that it was built from.");
    }

    public string Work => Path.Combine(Root, "artifacts", "fuzz");

    public string Findings => Path.Combine(Work, "findings");

    public string FoundOf(string target) => Path.Combine(Work, "found", target);

    public string KeptOf(string target) => Path.Combine(Root, "tests", "fuzz", "corpus", target + ".txt");

    public string RecordOf(string target, int process) =>
        Path.Combine(Work, "records", string.Create(CultureInfo.InvariantCulture, $"{target}-{Environment.ProcessId}-{process}"));
}
