using System.Diagnostics;

namespace Afs.Fuzz;

/// <summary>The process that works on one target. It prints lines of words: "finding PATH", "at …" from time to time, and "end …" if it gets there.</summary>
internal static class Worker
{
    public const int Clean = 0, Failed = 1;

    private static readonly TimeSpan TellEvery = TimeSpan.FromSeconds(10), NewsEvery = TimeSpan.FromSeconds(20);

    public static int Run(WorkOrder order, CoverageMap map)
    {
        Target target = Targets.Find(order.Target) ?? throw new ArgumentException($"There is no target {order.Target}.");
        using var record = new InputRecord(order.Record, Math.Max(target.MostBytes, 1 << 20));
        var watchdog = new Watchdog();
        watchdog.Start();
        if (order.Kind == WorkKind.Replay)
            return Replay(target, record, watchdog, File.ReadAllBytes(order.Input));
        var corpus = new Corpus(order.Kept, order.Found.Length == 0 ? null : order.Found);
        var run = new GuidedRun(target, map, corpus, record, watchdog, new Random(order.Seed))
        {
            Found = finding =>
            {
                if (finding.Save(order.Findings) is { } path)
                    Console.WriteLine($"finding {path} {finding.Text.Split('\n')[0]}");
            },
        };
        if (order.Kind == WorkKind.Minimise)
        {
            run.Replay();
            IReadOnlyList<byte[]> inputs = run.Minimise();
            corpus.Keep(inputs);
            Console.WriteLine($"{inputs.Count} inputs of {corpus.Count} are kept");
            return Clean;
        }
        Explore(order, map, corpus, run);
        return run.Findings == 0 ? Clean : Failed;
    }

    private static void Explore(WorkOrder order, CoverageMap map, Corpus corpus, GuidedRun run)
    {
        long begun = Stopwatch.GetTimestamp();
        (TimeSpan told, TimeSpan news) = (TimeSpan.Zero, TimeSpan.Zero);
        run.Replay();
        run.Explore(order.Executions, () =>
        {
            TimeSpan now = Stopwatch.GetElapsedTime(begun);
            if (now - told > TellEvery)
            {
                told = now;
                Tell("at");
            }
            if (now - news > NewsEvery)
            {
                news = now;
                run.TakeNews();
            }
            return now.TotalSeconds >= order.Seconds || order.Found.Length == 0 && run.Findings > 0;
        });
        Tell("end");

        void Tell(string what) =>
            Console.WriteLine($"{what} {run.Executions} {run.Executions / Math.Max(0.001, Stopwatch.GetElapsedTime(begun).TotalSeconds):f0} {run.Accepted} {map.SeenEdges} {corpus.Count} {run.Findings}");
    }

    private static int Replay(Target target, InputRecord record, Watchdog watchdog, byte[] input)
    {
        record.Put(input);
        watchdog.Next();
        try
        {
            bool isAccepted = target.Run(input);
            long before = GC.GetAllocatedBytesForCurrentThread();
            target.Run(input);
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Console.WriteLine($"{(isAccepted ? "accepted" : "refused")}; {input.Length} bytes, {allocated} allocated of at most {target.MostAllocatedBytes(input.Length)}");
            return allocated <= target.MostAllocatedBytes(input.Length) ? Clean : Failed;
        }
        catch (Exception e)
        {
            Console.WriteLine(e);
            return Failed;
        }
    }
}
