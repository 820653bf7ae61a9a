using System.Text.RegularExpressions;
using Afs.House.Tests.Repository;

namespace Afs.House.Tests;

/// <summary>The paths that docs/reading-the-code.md leads are those of the code, and short enough to be walked.</summary>
public partial class PathTests
{
    private const string Document = "docs/reading-the-code.md";

    [Theory]
    [InlineData("A store, from frame to commit", 25)]
    [InlineData("A break, from commit to acknowledgement", 15)]
    [InlineData("A cold open, from /dev/fuse to the reply", 25)]
    public void A_path_names_its_files_in_order_and_what_is_in_them(string heading, int mostFiles)
    {
        Stop[] stops = [.. StopsOf(heading)];

        Assert.InRange(stops.Length, 5, mostFiles);
        Assert.Equal(stops.Length, stops.DistinctBy(static stop => stop.File).Count());
        Rule.IsBrokenNowhere(stops.SelectMany(static stop => Missing(stop)));
    }

    private static IEnumerable<string> Missing(Stop stop)
    {
        if (!RepositoryFiles.Exists(stop.File))
            return [$"{stop.File} isn't there"];
        string code = SourceCode.Strip(new RepositoryFile(stop.File).Text);
        return stop.Names.Where(name => !Regex.IsMatch(code, $@"\b{Regex.Escape(name)}\b")).Select(name => $"{stop.File} has no {name}");
    }

    private static IEnumerable<Stop> StopsOf(string heading)
    {
        string section = new RepositoryFile(Document).Text.Split("\n## ").Single(part => part.StartsWith(heading + "\n"));
        return Row().Matches(section).Select(static row => new Stop(
            row.Groups["file"].Value, [.. Name().Matches(row.Groups["names"].Value).Select(static name => name.Groups["name"].Value)]));
    }

    [GeneratedRegex(@"^\| `(?<file>src/[^`]+)` \| (?<names>[^|]+) \|", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex("`(?<name>[^`]+)`")]
    private static partial Regex Name();

    private sealed record Stop(string File, string[] Names);
}
