using System.Text.RegularExpressions;
using Afs.House.Tests.Repository;

namespace Afs.House.Tests;

/// <summary>One concept, one file: no swollen file, no drawer of utilities.</summary>
public partial class SourceSizeTests
{
    private const int LongestFileLines = 700;
    private const int MedianFileLines = 200;
    private const int NinetiethPercentileLines = 500;
    private const int MostFiles = 400;

    [Fact]
    public void No_file_is_longer_than_the_limit() =>
        Rule.IsBrokenNowhere(RepositoryFiles.Sources.Concat(RepositoryFiles.Below("tests", "*.cs"))
            .Where(file => file.Lines.Count > LongestFileLines).Select(file => $"{file}: {file.Lines.Count}"));

    [Fact]
    public void Most_files_are_short()
    {
        int[] lengths = [.. RepositoryFiles.Sources.Select(file => file.Lines.Count).Order()];
        Assert.InRange(lengths[lengths.Length / 2], 1, MedianFileLines);
        Assert.InRange(lengths[lengths.Length * 9 / 10], 1, NinetiethPercentileLines);
    }

    [Fact]
    public void No_file_is_a_drawer() =>
        Rule.IsBrokenNowhere(RepositoryFiles.Sources.Where(file => Drawer().IsMatch(Path.GetFileNameWithoutExtension(file.Path))));

    [Fact]
    public void A_file_is_named_for_a_type_in_it_or_for_a_family_of_them() =>
        Rule.IsBrokenNowhere(RepositoryFiles.Sources
            .Where(file => !NamedByOthers().IsMatch(file.Path))
            .Where(file => !NamesOf(Path.GetFileNameWithoutExtension(file.Path).Split('.')[0])
                .Any(name => Regex.IsMatch(SourceCode.Strip(file.Text), $@"\b\w*{Regex.Escape(name)}\w*\b"))));

    [Fact]
    public void There_are_so_many_files_as_one_can_find_the_way_in() =>
        Assert.InRange(RepositoryFiles.Sources.Count(), 1, MostFiles);

    /// <summary>The name itself, and the last of its words as one of many: Requests.cs has the type WriteRequest.</summary>
    private static IEnumerable<string> NamesOf(string file)
    {
        string last = LastWord().Match(file).Value;
        return [file, last.TrimEnd('s'), last.EndsWith("es") ? last[..^2] : last, last.EndsWith("ies") ? last[..^3] + "y" : last];
    }

    [GeneratedRegex("[A-Z][a-z]+$")]
    private static partial Regex LastWord();

    // Programs, families of ids and messages, and what the compiler wants of an older framework.
    [GeneratedRegex(@"Program\.cs$|Ids\.cs$|^src/Shared/Wire/|^src/Fuse/Abi/|^src/Shared/StubGenerator/Polyfills/")]
    private static partial Regex NamedByOthers();

    [GeneratedRegex("(Utils?|Utilities|Helpers?|Misc|Common|Stuff)$")]
    private static partial Regex Drawer();
}
