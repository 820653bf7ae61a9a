using Afs.Bench.Macro.Cells;
using Afs.Bench.Macro.Hosting;
using Afs.Bench.Macro.Machine;
using Afs.Bench.Macro.Measuring;
using Afs.Bench.Macro.Native;
using Afs.Bench.Macro.Places;

namespace Afs.Bench.Macro.Workloads;

/// <summary>Opening, reading and looking at many small files that are cached, and once with nothing cached.</summary>
public sealed class FilesWorkload(WorkContext context) : Workload(context)
{
    private const int MakerThreads = 64;

    private static readonly Measure WarmRead = new("open+read+close of a cached 4-KiB file", Goal: Goal.Ratio(4));
    private static readonly Measure StatAfterRead = new("stat right after reading", Goal: Goal.Ratio(4.5));
    private static readonly Measure WarmStat = new("stat of a cached file", Goal: Goal.Ratio(1.2));
    private static readonly Measure List = new("ls -l: readdir and stat, per entry", Goal: Goal.Ratio(2));
    private static readonly Measure WarmCalls = new("calls to the server in a warm re-read of all", Unit.Calls, Goal.AtMost(0));
    private static readonly Measure WarmServerCpu = new("server CPU per warm open+read+close", Goal: Goal.AtMost(0.000_001));
    private static readonly Measure StoppedRead = new("warm open+read+close, server stopped");
    private static readonly Measure StoppedCalls = new("calls in a warm re-read, server stopped", Unit.Calls, Goal.AtMost(0));
    private static readonly Measure ColdRead = new("open+read+close of an uncached 4-KiB file");
    private static readonly Measure ColdCalls = new("calls to the server per cold open+read+close", Unit.Calls);
    private static readonly Measure ColdServerCpu = new("server CPU per cold open+read+close", Goal: Goal.AtMost(0.000_200));

    public override string Name => "files";

    public override string About => "open+read+close, stat and ls -l of many 4-KiB files, warm and cold";

    private int Count => Context.Sizes.SmallFiles;

    public override void Prepare(Place place) =>
        SmallFiles.CreateTogether(SmallFiles.Paths(FolderOf(place), Count), MakerThreads, new byte[Sizes.SmallFileBytes]);

    public override void Run(Place place, Recorder record)
    {
        RunWarm(place, record);
        RunCold(place, record);
    }

    private void RunWarm(Place place, Recorder record)
    {
        NativePath[] paths = SmallFiles.Paths(FolderOf(place), Count);
        var directory = new NativePath(FolderOf(place));
        SmallFiles.ReadAll(paths);
        SmallFiles.StatAll(paths);

        int passes = 1;
        CellFigures? used = place.Meter(() => passes = record.TimeRepeated(WarmRead, () => SmallFiles.ReadAll(paths), Count));
        if (used is { } warm)
        {
            record.Add(WarmServerCpu, warm.ServerCpuSeconds / Count / passes);
            record.Add(WarmCalls, warm.FirstClientCalls);
        }
        record.TimeRepeated(StatAfterRead, () => SmallFiles.StatAll(paths), Count, before: () => SmallFiles.ReadAll(paths));
        record.TimeRepeated(WarmStat, () => SmallFiles.StatAll(paths), Count);
        ListAll(directory);
        record.TimeRepeated(List, () => ListAll(directory), Count);

        used = place.MeterWithServerStopped(() => record.Time(StoppedRead, () => SmallFiles.ReadAll(paths), Count));
        if (used is { } stopped)
            record.Add(StoppedCalls, stopped.FirstClientCalls);
    }

    private void RunCold(Place place, Recorder record)
    {
        if (!PageCache.CanDrop)
        {
            Context.Results.Note("files: cold reads left out, for dropping the page cache needs root.");
            return;
        }
        if (!place.TryEmptyOtherClient())
            return;
        NativePath[] paths = SmallFiles.Paths(OtherFolderOf(place), Count);
        PageCache.Drop();
        CellFigures? used = place.Meter(() => record.Time(ColdRead, () => SmallFiles.ReadAll(paths), Count));
        if (used is { } cold)
        {
            record.Add(ColdServerCpu, cold.ServerCpuSeconds / Count);
            record.Add(ColdCalls, (double)cold.SecondClientCalls / Count);
        }
    }

    private void ListAll(NativePath directory)
    {
        int count = FileTree.List(directory);
        if (count != Count)
            throw new IOException($"{directory} lists {count} entries instead of {Count}.");
    }
}
