namespace Afs.Bench.Macro.Measuring;

/// <summary>The series of all workloads, in the order in which they first got a value, and what could not be measured.</summary>
public sealed class ResultSet
{
    private readonly Dictionary<(string Workload, Measure Measure), Series> _index = [];
    private readonly List<Series> _series = [];
    private readonly List<string> _notes = [];

    public IReadOnlyList<Series> All => _series;

    /// <summary>Sentences about what was left out or failed, with the reason.</summary>
    public IReadOnlyList<string> Notes => _notes;

    public Series SeriesOf(string workload, Measure measure)
    {
        if (_index.TryGetValue((workload, measure), out Series? series))
            return series;
        series = new Series(workload, measure);
        _index.Add((workload, measure), series);
        _series.Add(series);
        return series;
    }

    public void Note(string sentence)
    {
        if (!_notes.Contains(sentence))
            _notes.Add(sentence);
    }
}
