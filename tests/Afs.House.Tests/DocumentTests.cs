using System.Text.RegularExpressions;
using Afs.House.Tests.Repository;

namespace Afs.House.Tests;

/// <summary>Documents lead where they say.</summary>
public partial class DocumentTests
{
    public static TheoryData<string> Documents => [.. RepositoryFiles.Below("", "*.md").Select(file => file.Path)];

    [Theory]
    [MemberData(nameof(Documents))]
    public void Relative_links_resolve(string path)
    {
        string folder = Path.GetDirectoryName(path)!;
        Rule.IsBrokenNowhere(Link().Matches(CodeBlock().Replace(new RepositoryFile(path).Text, ""))
            .Select(match => match.Groups["target"].Value.Split('#')[0])
            .Where(target => target.Length > 0 && !target.Contains("://") && !target.StartsWith("mailto:"))
            .Where(target => !RepositoryFiles.Exists(Path.Combine(folder, Uri.UnescapeDataString(target)))));
    }

    [Theory]
    [MemberData(nameof(Documents))]
    public void Files_named_in_documents_exist(string path) =>
        Rule.IsBrokenNowhere(NamedFile().Matches(new RepositoryFile(path).Text)
            .Select(match => match.Groups["path"].Value)
            .Where(named => !named.Contains("NNNN"))
            .Where(named => !RepositoryFiles.Exists(named.TrimEnd('/'))));

    [GeneratedRegex(@"(?<!!)\[[^\]]+\]\((?<target>[^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex("```.*?```", RegexOptions.Singleline)]
    private static partial Regex CodeBlock();

    // `src/Vice/Service`, `scripts/test`: a path in code marks that starts in a top folder and NNNN is a number to be chosen.
    [GeneratedRegex(@"`(?<path>(?:src|tests|docs|scripts|samples|bench)/[\w./-]+)`")]
    private static partial Regex NamedFile();
}
