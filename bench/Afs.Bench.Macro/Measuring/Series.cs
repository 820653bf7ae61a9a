namespace Afs.Bench.Macro.Measuring;

/// <summary>All values of one measure, by place, in the order of the runs.</summary>
public sealed class Series(string workload, Measure measure)
{
    private readonly Dictionary<string, SortedDictionary<int, double>> _byPlace = [];

    public string Workload { get; } = workload;

    public Measure Measure { get; } = measure;

    public void Add(string place, int run, double value)
    {
        if (!_byPlace.TryGetValue(place, out SortedDictionary<int, double>? values))
            _byPlace[place] = values = [];
        values.Add(run, value);
    }

    public IReadOnlyList<double> ValuesOf(string place) =>
        _byPlace.TryGetValue(place, out SortedDictionary<int, double>? values) ? [.. values.Values] : [];

    public double? MedianOf(string place) => ValuesOf(place) is { Count: > 0 } values ? Median.Of(values) : null;

    /// <summary>
    /// The ratio to the control, run by run: the two were measured one right after the other, so what slowed the machine slowed both.
    /// </summary>
    public IReadOnlyList<double> RatiosOf(string place, string control)
    {
        if (!_byPlace.TryGetValue(place, out var values) || !_byPlace.TryGetValue(control, out var controls))
            return [];
        return [.. from value in values
                   where controls.TryGetValue(value.Key, out double ofControl) && ofControl > 0
                   select value.Value / controls[value.Key]];
    }

    /// <returns>Whether the median meets the goal; null where there is no goal or no value.</returns>
    public bool? IsMetBy(string place, string control)
    {
        if (Measure.Goal is not { } goal)
            return null;
        IReadOnlyList<double> values = goal.IsRatio ? RatiosOf(place, control) : ValuesOf(place);
        return values.Count == 0 ? null : goal.IsMetBy(Median.Of(values));
    }
}
