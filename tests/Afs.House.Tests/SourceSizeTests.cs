using System.Text.RegularExpressions;
using Afs.House.Tests.Repository;

namespace Afs.House.Tests;

/// <summary>Small rooms: no swollen file, no drawer of utilities, one concept a file.</summary>
public partial class SourceSizeTests
{
    private const int LongestFileLines = 500;
    private const int MedianFileLines = 100;
    private const int NinetiethPercentileLines = 300;

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
    public void A_file_has_one_public_class() =>
        Rule.IsBrokenNowhere(RepositoryFiles.Sources
            .Where(file => !file.IsIn("src/Shared/StubGenerator/Polyfills"))
            .Select(file => (file, Count: PublicClass().Count(SourceCode.Strip(file.Text))))
            .Where(found => found.Count > 1).Select(found => $"{found.file}: {found.Count}"));

    [Fact]
    public void No_file_is_a_drawer() =>
        Rule.IsBrokenNowhere(RepositoryFiles.Sources.Where(file => Drawer().IsMatch(Path.GetFileNameWithoutExtension(file.Path))));

    [Fact]
    public void A_file_is_named_for_a_type_in_it() =>
        Rule.IsBrokenNowhere(RepositoryFiles.Sources
            .Where(file => !GroupOfData().IsMatch(file.Path))
            .Where(file => !Regex.IsMatch(SourceCode.Strip(file.Text), $@"\b\w*{Regex.Escape(Path.GetFileNameWithoutExtension(file.Path).Split('.')[0])}\w*\b")));

    // Files that hold a family of small data types, and what the compiler wants of an older framework.
    [GeneratedRegex(@"Program\.cs$|Ids\.cs$|Keys\.cs$|Messages\.cs$|^src/Fuse/Abi/|^src/Shared/StubGenerator/Polyfills/")]
    private static partial Regex GroupOfData();

    // Top-level types only: they start their line. Records, structs, enums and the interfaces of one seam may stand together.
    [GeneratedRegex(@"^public (?:(?:static|sealed|abstract|partial|unsafe|readonly) )*class \w+", RegexOptions.Multiline)]
    private static partial Regex PublicClass();

    [GeneratedRegex("(Utils?|Utilities|Helpers?|Misc|Common|Stuff)$")]
    private static partial Regex Drawer();
}
