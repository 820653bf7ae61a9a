using System.Text.RegularExpressions;

namespace Afs.House.Tests.Repository;

/// <summary>C# text without comments and without what stands in string literals, so that a rule sees only code.</summary>
internal static partial class SourceCode
{
    /// <summary>The numbered lines of <paramref name="file"/> in which <paramref name="pattern"/> stands as code.</summary>
    public static IEnumerable<string> Find(RepositoryFile file, Regex pattern)
    {
        string[] lines = Strip(file.Text).Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            if (pattern.Match(lines[i]) is { Success: true } match)
                yield return $"{file.Path}:{i + 1}: {match.Value.Trim()}";
        }
    }

    /// <summary>Replaces comments and literals by nothing, and keeps the line breaks.</summary>
    public static string Strip(string text) =>
        CommentsAndLiterals().Replace(text, match => new string('\n', match.Value.Count(c => c == '\n')));

    [GeneratedRegex("""
        //[^\n]*                            # a comment to the end of its line
        | /\*.*?\*/                         # a comment between marks
        | \$*\"{3,}.*?\"{3,}                # a raw literal
        | @\"(?:[^\"]|\"\")*\"              # a verbatim literal
        | \"(?:\\.|[^\"\\\n])*\"            # a literal
        | '(?:\\.|[^'\\\n])+'               # a character
        """, RegexOptions.Singleline | RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex CommentsAndLiterals();
}
