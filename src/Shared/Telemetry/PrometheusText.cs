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
