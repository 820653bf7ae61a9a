using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Afs.Telemetry;

/// <summary>How long calls took, by operation. For the page of metrics, and through a meter for whoever listens.</summary>
public sealed class CallLatencies : IDisposable
{
    private readonly ConcurrentDictionary<string, LatencyHistogram> _operations = new();
    private readonly Meter _meter;
    private readonly Histogram<double> _histogram;

    /// <param name="meterName">Of the daemon.</param>
    /// <param name="name">Dotted lower case, as "calls.served".</param>
    public CallLatencies(string meterName, string name, string help)
    {
        (Name, Help) = (name, help);
        _meter = new Meter(meterName);
        _histogram = _meter.CreateHistogram<double>($"{meterName}.{name}", "s", help);
    }

    public string Name { get; }

    public string Help { get; }

    /// <param name="operation">One of a fixed few, never text from outside.</param>
    public void Record(string operation, TimeSpan duration)
    {
        _operations.GetOrAdd(operation, static _ => new LatencyHistogram()).Record(duration);
        _histogram.Record(duration.TotalSeconds, new KeyValuePair<string, object?>("operation", operation));
    }

    public IReadOnlyList<(string Operation, LatencyHistogram Histogram)> Read() =>
        [.. _operations.OrderBy(static pair => pair.Key, StringComparer.Ordinal).Select(static pair => (pair.Key, pair.Value))];

    public void Dispose() => _meter.Dispose();
}
