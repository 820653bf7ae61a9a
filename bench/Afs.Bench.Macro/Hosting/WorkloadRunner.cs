using System.Diagnostics;
using Afs.Bench.Macro.Machine;
using Afs.Bench.Macro.Measuring;
using Afs.Bench.Macro.Places;
using Afs.Bench.Macro.Workloads;

namespace Afs.Bench.Macro.Hosting;

/// <summary>
/// Runs a workload at all places in turns (A B A B …), so that whatever disturbs the machine disturbs all of them alike.
/// A workload that fails is noted and the next one goes on.
/// </summary>
public sealed class WorkloadRunner(IReadOnlyList<Place> places, ResultSet results, int runs, CancellationToken stop)
{
    /// <summary>A slow workload stops repeating after this, once it has <see cref="LeastRuns"/>.</summary>
    private static readonly TimeSpan Budget = TimeSpan.FromSeconds(90);

    private const int LeastRuns = 3;

    /// <returns>Whether all of its runs succeeded.</returns>
    public bool Run(Workload workload)
    {
        Console.Error.WriteLine($"{workload.Name}: {workload.About}");
        try
        {
            foreach (Place place in places)
                Prepare(workload, place);
            WarmUp(workload);
            Repeat(workload);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidOperationException
            or Microsoft.Data.Sqlite.SqliteException or AggregateException)
        {
            stop.ThrowIfCancellationRequested();
            string reason = (e is AggregateException all ? all.GetBaseException() : e).Message;
            results.Note($"{workload.Name}: FAILED: {reason}");
            Console.Error.WriteLine($"{workload.Name}: FAILED: {reason}");
            return false;
        }
        finally
        {
            CleanUp(workload);
        }
    }

    private void Prepare(Workload workload, Place place)
    {
        stop.ThrowIfCancellationRequested();
        Console.Error.WriteLine($"{workload.Name}: preparing {place.Name}");
        Directory.CreateDirectory(workload.FolderOf(place));
        workload.Prepare(place);
    }

    /// <summary>One run at the first place that counts for nothing: it pays for compiling and loading the benchmark's own code.</summary>
    private void WarmUp(Workload workload)
    {
        stop.ThrowIfCancellationRequested();
        workload.Run(places[0], new Recorder(new ResultSet(), workload.Name, places[0].Name, run: 0));
    }

    private void Repeat(Workload workload)
    {
        long start = Stopwatch.GetTimestamp();
        for (int run = 0; run < runs; run++)
        {
            if (run >= LeastRuns && Stopwatch.GetElapsedTime(start) > Budget)
                return;
            for (int turn = 0; turn < places.Count; turn++)
            {
                Place place = places[(run + turn) % places.Count];
                stop.ThrowIfCancellationRequested();
                Console.Error.WriteLine($"{workload.Name}: run {run + 1} of {runs}, {place.Name}");
                PageCache.Settle();
                workload.Run(place, new Recorder(results, workload.Name, place.Name, run));
            }
        }
    }

    private void CleanUp(Workload workload)
    {
        foreach (string folder in places.Select(workload.FolderOf))
        {
            try
            {
                if (Directory.Exists(folder))
                    Directory.Delete(folder, recursive: true);
            }
            catch (IOException e)
            {
                Console.Error.WriteLine($"{folder} could not be removed: {e.Message}");
            }
        }
    }
}
