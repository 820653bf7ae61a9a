using System.Text.RegularExpressions;
using Afs.House.Tests.Repository;

namespace Afs.House.Tests;

/// <summary>What is in the repository is finished, and speaks of the project alone.</summary>
public partial class UnfinishedWorkTests
{
    private static readonly string[] TextFiles = ["*.cs", "*.csproj", "*.props", "*.md", "*.sh", "*.py", "*.yml", "*.json"];

    private static IEnumerable<RepositoryFile> AllText => TextFiles.SelectMany(pattern => RepositoryFiles.Below("", pattern))
        .Concat(RepositoryFiles.Below("scripts", "*"))
        .Where(file => !file.IsIn("tests/Afs.House.Tests"));

    [Fact]
    public void Nothing_is_left_to_do() =>
        Rule.IsBrokenNowhere(RepositoryFiles.Sources.SelectMany(file => Matches(file, Unfinished())));

    [Fact]
    public void No_test_is_left_out() =>
        Rule.IsBrokenNowhere(RepositoryFiles.Below("tests", "*.cs").Where(file => !file.IsIn("tests/Afs.House.Tests"))
            .SelectMany(file => Matches(file, LeftOut())));

    [Fact]
    public void No_path_of_one_machine_is_named() =>
        Rule.IsBrokenNowhere(AllText.SelectMany(file => Matches(file, MachinePath())));

    [Fact]
    public void No_exception_is_swallowed() =>
        Rule.IsBrokenNowhere(RepositoryFiles.Sources.SelectMany(file => SwallowingCatch().Matches(SourceCode.Strip(file.Text)).Select(m => $"{file}: {m.Value.Trim()}")));

    private static IEnumerable<string> Matches(RepositoryFile file, Regex pattern) =>
        file.Lines.Select((line, index) => (line, index)).Where(l => pattern.IsMatch(l.line)).Select(l => $"{file}:{l.index + 1}: {l.line.Trim()}");

    [GeneratedRegex(@"\b(TODO|FIXME|HACK|XXX)\b|NotImplementedException")]
    private static partial Regex Unfinished();

    [GeneratedRegex(@"\[(Fact|Theory)\([^]]*\bSkip\s*=")]
    private static partial Regex LeftOut();

    [GeneratedRegex(@"(?<![\w.])/work/|(?<![\w.])/home/\w+/|\bC:\\Users\\")]
    private static partial Regex MachinePath();

    // An empty block after a catch of everything. A catch that names what it expects may be empty.
    [GeneratedRegex(@"catch\s*(\(\s*(System\.)?Exception(\s+\w+)?\s*\)\s*)?\{\s*\}")]
    private static partial Regex SwallowingCatch();
}
