using System.Globalization;
using System.Text;
using Afs.Bench.Macro.Measuring;
using Afs.Bench.Macro.Places;

namespace Afs.Bench.Macro.Report;

/// <summary>The one table: medians by place, the ratio to the control with its range over the runs, and the goal.</summary>
public sealed class MarkdownTable(ResultSet results, IReadOnlyList<string> places)
{
    private const string None = "-";

    private IEnumerable<string> Others => places.Where(p => p != Place.ControlName);

    /// <summary>The goals are held against the mount; without one, against the peer.</summary>
    private string? Judged => Others.FirstOrDefault();

    public override string ToString()
    {
        var text = new StringBuilder();
        List<string> columns = ["work", "measure", .. places, .. Others.Select(p => $"{p} / {Place.ControlName} (range)"), "runs", "goal", "met"];
        text.Append("| ").AppendJoin(" | ", columns).Append(" |\n|").Insert(text.Length, "---|", columns.Count).Append('\n');
        foreach (Series series in results.All)
            text.Append("| ").AppendJoin(" | ", Row(series)).Append(" |\n");
        foreach (string note in results.Notes)
            text.Append(CultureInfo.InvariantCulture, $"\n- {note}\n");
        return text.ToString();
    }

    private IEnumerable<string> Row(Series series)
    {
        Measure measure = series.Measure;
        yield return series.Workload;
        yield return measure.Name;
        foreach (string place in places)
            yield return series.MedianOf(place) is { } median ? ValueText.Of(median, measure.Unit) : None;
        foreach (string place in Others)
            yield return RatioText(series.RatiosOf(place, Place.ControlName));
        yield return places.Max(p => series.ValuesOf(p).Count).ToString(CultureInfo.InvariantCulture);
        yield return measure.Goal is { } goal ? ValueText.Of(goal, measure.Unit) : "";
        yield return (Judged is { } judged ? series.IsMetBy(judged, Place.ControlName) : null) switch
        {
            true => "yes",
            false => "**no**",
            null => measure.Goal is null ? "" : None,
        };
    }

    private static string RatioText(IReadOnlyList<double> ratios) => ratios.Count switch
    {
        0 => None,
        1 => ValueText.Ratio(ratios[0]),
        _ => $"{ValueText.Ratio(Median.Of(ratios))} ({ValueText.Ratio(ratios.Min())} to {ValueText.Ratio(ratios.Max())})",
    };
}
