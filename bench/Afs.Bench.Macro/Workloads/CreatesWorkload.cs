using System.Diagnostics;
using Afs.Bench.Macro.Cells;
using Afs.Bench.Macro.Hosting;
using Afs.Bench.Macro.Measuring;
using Afs.Bench.Macro.Native;
using Afs.Bench.Macro.Places;

namespace Afs.Bench.Macro.Workloads;

/// <summary>
/// create+write+close of 4-KiB files by one writer and by 64 at once (threads of one process: each has its own call in flight).
/// The yardstick of one writer is what an fsync of a 4-KiB write costs on the same disk in the same run. 64 writers have a folder each, and for
/// comparison one for all: there the kernel makes one file at a time, since it holds the folder's lock while it waits for a create's reply.
/// </summary>
public sealed class CreatesWorkload(WorkContext context) : Workload(context)
{
    private const int Together = 64;
    private const int FsyncSamples = 50;

    /// <summary>In one folder each takes as long as a lone one: fewer of them do.</summary>
    private const int ShareInOneFolder = 10;

    private static readonly Measure Fsync = new("fsync of a 4-KiB write on the control's disk");
    private static readonly Measure Alone = new("create+write+close of a 4-KiB file, 1 writer");
    private static readonly Measure AloneInFsyncs = new("1 writer, in fsyncs of latency", Unit.Factor, Goal.AtMost(3));
    private static readonly Measure Many = new("create+write+close of a 4-KiB file, 64 writers with a folder each, per file");
    private static readonly Measure Crowded = new("create+write+close of a 4-KiB file, 64 writers in one folder, per file");
    private static readonly Measure Speedup = new("rate of 64 writers with a folder each to that of one", Unit.Factor, Goal.AtLeast(10));

    public override string Name => "creates";

    public override string About => "create+write+close of 4-KiB files by 1 and by 64 writers";

    public override void Run(Place place, Recorder record)
    {
        // Removed with the workload's own folder: an ext4 without a journal is slow to create files shortly after many were deleted.
        string folder = Path.Combine(FolderOf(place), $"run-{Directory.GetDirectories(FolderOf(place)).Length}");
        byte[] content = new byte[Sizes.SmallFileBytes];
        NativePath[] mine = Numbered(folder, "alone", Context.Sizes.CreatesAlone);
        NativePath[] ours = Numbered(folder, "crowded", Context.Sizes.CreatesTogether / ShareInOneFolder);
        NativePath[] each = ForEach(folder, Context.Sizes.CreatesTogether);

        double alone = Measured(record, place, Alone, "1 writer", mine.Length, () => CreateAll(mine, content));
        double many = Measured(
            record, place, Many, "64 writers with a folder each", each.Length, () => SmallFiles.CreateTogether(each, Together, content));
        Measured(record, place, Crowded, "64 writers in one folder", ours.Length, () => SmallFiles.CreateTogether(ours, Together, content));
        double fsync = MeasureFsync();
        record.Add(Fsync, fsync);
        if (place.Name != Place.ControlName)
        {
            record.Add(AloneInFsyncs, alone / fsync);
            record.Add(Speedup, alone / many);
        }
    }

    /// <summary>In a folder of their own, which is made.</summary>
    private static NativePath[] Numbered(string folder, string name, int count) =>
        NativePath.Numbered(Directory.CreateDirectory(Path.Combine(folder, name)).FullName, "file-", count);

    /// <summary>The files of writer i are every 64th from i on, as they are shared out: in folder i.</summary>
    private static NativePath[] ForEach(string folder, int count)
    {
        NativePath[][] folders = [.. Enumerable.Range(0, Together).Select(i => Numbered(folder, $"writer-{i}", count / Together))];
        return [.. Enumerable.Range(0, count / Together * Together).Select(i => folders[i % Together][i / Together])];
    }

    /// <returns>Seconds per file.</returns>
    private static double Measured(Recorder record, Place place, Measure measure, string who, int files, Action work)
    {
        double seconds = 0;
        if (place.Meter(() => seconds = record.Time(measure, work, files)) is { } used)
            Record(record, used, who, files);
        return seconds / files;
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
