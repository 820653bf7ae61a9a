using Afs.Bench.Macro.Measuring;
using Afs.Bench.Macro.Report;

namespace Afs.Bench.Tests;

public sealed class MarkdownTableTests
{
    [Fact]
    public void A_line_has_medians_the_ratio_with_its_range_and_the_verdict()
    {
        var results = new ResultSet();
        Series series = results.SeriesOf("files", new Measure("stat", Goal: Goal.Ratio(1.2)));
        foreach ((int run, double control, double mount) in ((int, double, double)[])[(0, 0.001, 0.002), (1, 0.002, 0.003), (2, 0.001, 0.001)])
        {
            series.Add("ext4", run, control);
            series.Add("afs", run, mount);
        }
        Assert.Contains(
            "| files | stat | 1.00 ms | 2.00 ms | 1.50 (1.00 to 2.00) | 3 | <= 1.20 x | **no** |",
            new MarkdownTable(results, ["ext4", "afs"]).ToString());
    }

    [Fact]
    public void Every_line_has_as_many_cells_as_the_head()
    {
        var results = new ResultSet();
        results.SeriesOf("files", new Measure("calls", Unit.Calls, Goal.AtMost(0))).Add("afs", 0, 0);
        results.SeriesOf("names", new Measure("create")).Add("ext4", 0, 3e-6);
        string[] lines = new MarkdownTable(results, ["ext4", "afs", "peer"]).ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(4, lines.Length);
        Assert.All(lines, line => Assert.Equal(lines[0].Count(c => c == '|'), line.Count(c => c == '|')));
    }

    [Fact]
    public void What_failed_is_told_below()
    {
        var results = new ResultSet();
        results.Note("tools: FAILED: no room");
        Assert.Contains("- tools: FAILED: no room", new MarkdownTable(results, ["ext4"]).ToString());
    }

    [Theory]
    [InlineData(0.000_001_234, Unit.Seconds, "1.23 us")]
    [InlineData(12.34, Unit.Seconds, "12.3 s")]
    [InlineData(3 * 1024 * 1024, Unit.Bytes, "3.00 MiB")]
    [InlineData(0, Unit.Calls, "0")]
    [InlineData(1.5, Unit.Percent, "1.50 %")]
    public void A_value_has_three_digits_and_a_fitting_unit(double value, Unit unit, string expected) =>
        Assert.Equal(expected, ValueText.Of(value, unit));
}
