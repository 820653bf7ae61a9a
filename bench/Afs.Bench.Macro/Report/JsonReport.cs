using System.Text.Json;
using Afs.Bench.Macro.Measuring;
using Afs.Bench.Macro.Places;

namespace Afs.Bench.Macro.Report;

/// <summary>All values of all runs, for programs.</summary>
public static class JsonReport
{
    private static readonly JsonSerializerOptions Style = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    public static void Write(string file, ReportHeader header, ResultSet results, IReadOnlyList<string> places)
    {
        var document = new
        {
            header.When,
            header.Machine,
            header.SizeSet,
            header.IoMode,
            header.Transport,
            header.CacheState,
            header.Wire,
            header.Disk,
            results.Notes,
            Measures = results.All.Select(s => new
            {
                s.Workload,
                s.Measure.Name,
                Unit = s.Measure.Unit.ToString(),
                Goal = s.Measure.Goal,
                Places = places.ToDictionary(p => p, p => new
                {
                    Median = s.MedianOf(p),
                    Values = s.ValuesOf(p),
                    Ratios = p == Place.ControlName ? [] : s.RatiosOf(p, Place.ControlName),
                    Met = p == Place.ControlName ? null : s.IsMetBy(p, Place.ControlName),
                }),
            }),
        };
        File.WriteAllText(file, JsonSerializer.Serialize(document, Style));
    }
}
