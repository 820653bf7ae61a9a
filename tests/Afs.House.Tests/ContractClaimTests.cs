using System.Text.RegularExpressions;
using Afs.House.Tests.Repository;

namespace Afs.House.Tests;

/// <summary>
/// Each claim of docs/SEMANTICS.md names what shows it: <c>[test: ClassName.Method]</c>, <c>[posix: case-or-group]</c> or
/// <c>[script: name]</c> for tests/scripts/name.sh.
/// </summary>
public partial class ContractClaimTests
{
    private static readonly string Contract = new RepositoryFile("docs/SEMANTICS.md").Text;

    [Fact]
    public void Named_tests_exist()
    {
        HashSet<string> tests = [.. RepositoryFiles.Below("tests", "*.cs").SelectMany(TestNames)];
        Rule.IsBrokenNowhere(References("test").Where(name => !tests.Contains(name)));
    }

    [Fact]
    public void Named_posix_cases_exist()
    {
        HashSet<string> cases = [.. RepositoryFiles.Below("tests/posix/cases", "*.py").SelectMany(CaseNames)];
        Assert.Contains("excl-fails-on-an-existing-file", cases);
        Rule.IsBrokenNowhere(References("posix").Where(name => !cases.Contains(name)));
    }

    [Fact]
    public void Named_scripts_exist() =>
        Rule.IsBrokenNowhere(References("script").Where(name => !RepositoryFiles.Exists($"tests/scripts/{name}.sh")));

    [Fact]
    public void References_are_well_formed() =>
        Rule.IsBrokenNowhere(AnyReference().Matches(Contract).Select(match => match.Value).Where(text => !Reference().IsMatch(text)));

    private static IEnumerable<string> References(string kind) =>
        Reference().Matches(Contract).Where(match => match.Groups["kind"].Value == kind).Select(match => match.Groups["name"].Value);

    private static IEnumerable<string> TestNames(RepositoryFile file)
    {
        string code = SourceCode.Strip(file.Text);
        string? type = Type().Match(code) is { Success: true } match ? match.Groups["name"].Value : null;
        return TestMethod().Matches(code).Select(method => $"{type}.{method.Groups["name"].Value}");
    }

    private static IEnumerable<string> CaseNames(RepositoryFile file) =>
        PosixCase().Matches(file.Text).Select(match => match.Groups["name"].Value.Replace('_', '-'))
            .Append(Path.GetFileNameWithoutExtension(file.Path).Replace('_', '-'));

    [GeneratedRegex(@"\[(?<kind>test|posix|script): (?<name>[\w.-]+)\]")]
    private static partial Regex Reference();

    [GeneratedRegex(@"\[(tests?|posix|scripts?):[^\]]*\]", RegexOptions.IgnoreCase)]
    private static partial Regex AnyReference();

    [GeneratedRegex(@"\b(class|record) (?<name>\w+)")]
    private static partial Regex Type();

    [GeneratedRegex(@"\[(?:Fact|Theory)\b[^\]]*\](?:\s*\[[^\]]*\])*\s*public (?:async )?[\w<>.]+ (?<name>\w+)\(")]
    private static partial Regex TestMethod();

    [GeneratedRegex(@"^@case\ndef (?<name>\w+)\(", RegexOptions.Multiline)]
    private static partial Regex PosixCase();
}
