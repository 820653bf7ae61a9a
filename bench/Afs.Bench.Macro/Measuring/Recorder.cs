using System.Diagnostics;

namespace Afs.Bench.Macro.Measuring;

/// <summary>Takes the values of one run at one place.</summary>
public sealed class Recorder(ResultSet results, string workload, string place, int run)
{
    private const int LeastPasses = 3;
    private const int MostPasses = 50;
    private static readonly TimeSpan LeastTotal = TimeSpan.FromMilliseconds(200);

    /// <summary>Times one action.</summary>
    /// <param name="operations">The time is divided by it, so that the line tells the cost of one operation.</param>
    /// <returns>Seconds for the whole action.</returns>
    public double Time(Measure measure, Action action, int operations = 1)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        Add(measure, seconds / operations);
        return seconds;
    }

    /// <summary>
    /// Times an action that can be repeated without changing what it costs, several times, and takes the median: what lasts
    /// milliseconds is at the mercy of the scheduler if it is timed once.
    /// </summary>
    /// <param name="before">Done before each pass, not timed.</param>
    /// <returns>How many times the action ran.</returns>
    public int TimeRepeated(Measure measure, Action action, int operations = 1, Action? before = null)
    {
        var passes = new List<double>();
        double total = 0;
        while (passes.Count < LeastPasses || (total < LeastTotal.TotalSeconds && passes.Count < MostPasses))
        {
            before?.Invoke();
            long start = Stopwatch.GetTimestamp();
            action();
            double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            passes.Add(seconds / operations);
            total += seconds;
        }
        Add(measure, Median.Of(passes));
        return passes.Count;
    }

    public void Add(Measure measure, double value) => results.SeriesOf(workload, measure).Add(place, run, value);
}
