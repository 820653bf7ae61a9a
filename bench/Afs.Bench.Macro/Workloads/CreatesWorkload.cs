using System.Diagnostics;
using Afs.Bench.Macro.Cells;
using Afs.Bench.Macro.Hosting;
using Afs.Bench.Macro.Measuring;
using Afs.Bench.Macro.Native;
using Afs.Bench.Macro.Places;

namespace Afs.Bench.Macro.Workloads;

/// <summary>
/// create+write+close of 4-KiB files by one writer and by 64 at once (threads of one process: each has its own call in flight).
/// The yardstick of one writer is what an fsync of a 4-KiB write costs on the same disk in the same run.
/// </summary>
public sealed class CreatesWorkload(WorkContext context) : Workload(context)
{
    private const int Together = 64;
    private const int FsyncSamples = 50;

    private static readonly Measure Fsync = new("fsync of a 4-KiB write on the control's disk");
    private static readonly Measure Alone = new("create+write+close of a 4-KiB file, 1 writer");
    private static readonly Measure AloneInFsyncs = new("the same, in fsyncs of latency", Unit.Factor, Goal.AtMost(3));
    private static readonly Measure Many = new("create+write+close of a 4-KiB file, 64 writers, per file");
    private static readonly Measure Speedup = new("rate of 64 writers to that of one", Unit.Factor, Goal.AtLeast(10));

    public override string Name => "creates";

    public override string About => "create+write+close of 4-KiB files by 1 and by 64 writers";

    public override void Run(Place place, Recorder record)
    {
        string folder = Path.Combine(FolderOf(place), "run");
        Directory.CreateDirectory(folder);
        byte[] content = new byte[Sizes.SmallFileBytes];
        int alone = Context.Sizes.CreatesAlone;
        int together = Context.Sizes.CreatesTogether;
        NativePath[] first = NativePath.Numbered(folder, "alone-", alone);
        NativePath[] second = NativePath.Numbered(folder, "together-", together);

        double aloneSeconds = 0, manySeconds = 0;
        CellFigures? usedAlone = place.Meter(() => aloneSeconds = record.Time(Alone, () => CreateAll(first, content), alone) / alone);
        CellFigures? usedByMany = place.Meter(
            () => manySeconds = record.Time(Many, () => SmallFiles.CreateTogether(second, Together, content), together) / together);
        double fsyncSeconds = MeasureFsync();
        record.Add(Fsync, fsyncSeconds);
        if (place.Name != Place.ControlName)
        {
            record.Add(AloneInFsyncs, aloneSeconds / fsyncSeconds);
            record.Add(Speedup, aloneSeconds / manySeconds);
        }
        if (usedAlone is { } a && usedByMany is { } m)
        {
            Record(record, a, "1 writer", alone);
            Record(record, m, "64 writers", together);
        }
        Directory.Delete(folder, recursive: true);
    }

    private static void Record(Recorder record, CellFigures used, string who, int files)
    {
        record.Add(new Measure($"{who}: server CPU per file"), used.ServerCpuSeconds / files);
        record.Add(new Measure($"{who}: client CPU per file"), used.FirstClientCpuSeconds / files);
        if (used.ServerFsyncs is { } atServer)
            record.Add(new Measure($"{who}: fsyncs of the server per file", Unit.Factor), (double)atServer / files);
        if (used.FirstClientFsyncs is { } atClient)
            record.Add(new Measure($"{who}: fsyncs of the client per file", Unit.Factor), (double)atClient / files);
    }

    private static void CreateAll(NativePath[] paths, byte[] content)
    {
        foreach (NativePath path in paths)
            SmallFiles.Create(path, content);
    }

    private double MeasureFsync()
    {
        byte[] content = new byte[Sizes.SmallFileBytes];
        using NativeFile file = NativeFile.Create(new NativePath(Path.Combine(Context.Scratch, "fsync")));
        return Median.Of([.. Enumerable.Range(0, FsyncSamples).Select(i =>
        {
            file.Write(content, (long)i * content.Length);
            long start = Stopwatch.GetTimestamp();
            file.Sync();
            return Stopwatch.GetElapsedTime(start).TotalSeconds;
        })]);
    }
}
