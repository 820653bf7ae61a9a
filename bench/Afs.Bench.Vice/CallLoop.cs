using System.Diagnostics;

namespace Afs.Bench.Vice;

/// <summary>A closed loop: a number of callers, each of which makes its next call when the last has ended.</summary>
internal static class CallLoop
{
    /// <param name="call">Gets the caller's number and the number of the call, counted over all callers.</param>
    /// <returns>The latencies, and the seconds until the last caller had ended.</returns>
    public static async Task<(Latencies Latencies, double Seconds)> RunAsync(
        int callers, TimeSpan time, Func<int, int, Task> call, CancellationToken cancellation)
    {
        int next = -1;
        var clock = Stopwatch.StartNew();
        List<double>[] tookMs = await Task.WhenAll(Enumerable.Range(0, callers).Select(caller => Task.Run(() => CallAsync(caller))));
        return (new Latencies(tookMs.SelectMany(static list => list)), clock.Elapsed.TotalSeconds);

        async Task<List<double>> CallAsync(int caller)
        {
            List<double> tookMs = [];
            while (clock.Elapsed < time && !cancellation.IsCancellationRequested)
            {
                long start = Stopwatch.GetTimestamp();
                await call(caller, Interlocked.Increment(ref next));
                tookMs.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            }
            return tookMs;
        }
    }
}
