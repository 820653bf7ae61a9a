using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace Afs.Telemetry;

/// <summary>Prometheus's text exposition format, version 0.0.4.</summary>
public static class PrometheusText
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    /// <param name="daemon">Goes before every name: "vice" or "venus".</param>
    public static string Write(string daemon, IEnumerable<Reading> readings, params IEnumerable<CallLatencies> latencies)
    {
        var text = new StringBuilder();
        foreach (Reading reading in readings)
        {
            string name = NameOf(daemon, reading.Name) + (reading.IsCounter ? "_total" : "");
            WriteHead(text, name, reading.Help, reading.IsCounter ? "counter" : "gauge");
            text.Append(CultureInfo.InvariantCulture, $"{name} {reading.Value}\n");
        }
        foreach (CallLatencies calls in latencies)
            Write(text, NameOf(daemon, calls.Name) + "_seconds", calls);
        return text.ToString();
    }

    private static void Write(StringBuilder text, string name, CallLatencies calls)
    {
        WriteHead(text, name, calls.Help, "histogram");
        foreach ((string operation, LatencyHistogram histogram) in calls.Read())
        {
            (IReadOnlyList<long> counts, TimeSpan sum) = histogram.Read();
            long below = 0;
            for (int i = 0; i < LatencyHistogram.BoundsSeconds.Count; i++)
            {
                below += counts[i];
                text.Append(CultureInfo.InvariantCulture, $"{name}_bucket{{operation=\"{operation}\",le=\"{LatencyHistogram.BoundsSeconds[i]}\"}} {below}\n");
            }
            long all = below + counts[^1];
            text.Append(CultureInfo.InvariantCulture, $"{name}_bucket{{operation=\"{operation}\",le=\"+Inf\"}} {all}\n");
            text.Append(CultureInfo.InvariantCulture, $"{name}_sum{{operation=\"{operation}\"}} {sum.TotalSeconds}\n{name}_count{{operation=\"{operation}\"}} {all}\n");
        }
    }

    private static void WriteHead(StringBuilder text, string name, string help, string type) =>
        text.Append("# HELP ").Append(name).Append(' ').Append(help.Replace("\\", @"\\").Replace("\n", @"\n")).Append('\n')
            .Append("# TYPE ").Append(name).Append(' ').Append(type).Append('\n');

    private static string NameOf(string daemon, string name)
    {
        var safe = new StringBuilder(daemon).Append('_');
        foreach (char c in name)
            safe.Append(char.IsAsciiLetterOrDigit(c) ? c : '_');
        return safe.ToString();
    }
}

/// <summary>One figure of a daemon at one moment.</summary>
/// <param name="Name">Dotted lower case, as "breaks.sent".</param>
/// <param name="IsCounter">It only rises while the daemon lives; else it goes up and down.</param>
public readonly record struct Reading(string Name, string Help, bool IsCounter, long Value);

/// <summary>How long something took, in buckets that are fixed. Safe for concurrent use, without a lock.</summary>
public sealed class LatencyHistogram
{
    /// <summary>Upper bounds in seconds; what is above the last counts only in the total.</summary>
    public static readonly IReadOnlyList<double> BoundsSeconds =
        [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

    private readonly long[] _counts = new long[BoundsSeconds.Count + 1];
    private long _ticks;

    public void Record(TimeSpan duration)
    {
        int bucket = 0;
        while (bucket < BoundsSeconds.Count && duration.TotalSeconds > BoundsSeconds[bucket])
            bucket++;
        Interlocked.Increment(ref _counts[bucket]);
        Interlocked.Add(ref _ticks, duration.Ticks);
    }

    /// <summary>By bucket, the last for what is above all bounds; and the sum of all.</summary>
    public (IReadOnlyList<long> Counts, TimeSpan Sum) Read()
    {
        long[] counts = new long[_counts.Length];
        for (int i = 0; i < counts.Length; i++)
            counts[i] = Volatile.Read(ref _counts[i]);
        return (counts, TimeSpan.FromTicks(Volatile.Read(ref _ticks)));
    }
}

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
