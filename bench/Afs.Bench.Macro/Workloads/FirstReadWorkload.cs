using System.Diagnostics;
using Afs.Bench.Macro.Machine;
using Afs.Bench.Macro.Measuring;
using Afs.Bench.Macro.Native;
using Afs.Bench.Macro.Places;

namespace Afs.Bench.Macro.Workloads;

/// <summary>
/// The first read of a large file at a client that doesn't have it, against a local copy of the file: both read it once and write
/// it once to the same disk. The source is in the page cache in both cases, and free memory is at hand. The client was just started, with an empty cache; so that what
/// is timed isn't the compiler of its runtime, it has read two other files before, and the first byte of the first is told by itself.
/// </summary>
public sealed class FirstReadWorkload(WorkContext context) : Workload(context)
{
    private const long EarlierBytes = 16L << 20;
    private const int Earlier = 2;

    private static readonly Measure FreshByte = new("first byte of the first large file after the client's start");
    private static readonly Measure Whole = new("first read of a large file; at ext4: a copy of it", Goal: Goal.Ratio(3));
    private static readonly Measure FirstByte = new("its first byte, open() included", Goal: Goal.AtMost(0.020));

    public override string Name => "first-read";

    public override string About => "first read of a large file against a local copy, and its first byte";

    private long LengthBytes => Context.Sizes.FirstReadBytes;

    /// <summary>More than either needs for what it writes.</summary>
    private long MemoryBytes => LengthBytes + LengthBytes / 4;

    public override void Prepare(Place place)
    {
        LargeFile.Write(PathIn(FolderOf(place)), LengthBytes);
        for (int i = 0; i < Earlier; i++)
            LargeFile.Write(EarlierIn(FolderOf(place), i), EarlierBytes);
    }

    public override void Run(Place place, Recorder record)
    {
        if (place.Name == Place.ControlName)
            CopyLocally(place, record);
        else if (place.TryEmptyOtherClient())
            ReadFirst(place, record);
        PageCache.Settle();
    }

    /// <summary>
    /// Frees as many pages as are about to be taken, by removing a file that was just written. A virtual machine may give free memory back to its host, soon after it became
    /// free, and then waits for the host at the first touch of each page: whoever found none that were just freed would be timed by that.
    /// </summary>
    private void SupplyMemory()
    {
        var file = new NativePath(Path.Combine(Context.Scratch, "memory"));
        LargeFile.Write(file, MemoryBytes);
        FileTree.Unlink(file);
    }

    private void CopyLocally(Place place, Recorder record)
    {
        NativePath source = PathIn(FolderOf(place));
        var copy = new NativePath(source + ".copy");
        LargeFile.Read(source, LengthBytes);
        SupplyMemory();
        record.Time(Whole, () => FileCopy.Copy(source, copy));
        FileTree.Unlink(copy);
    }

    private void ReadFirst(Place place, Recorder record)
    {
        NativePath source = PathIn(OtherFolderOf(place));
        FileTree.Stat(new NativePath(OtherFolderOf(place)));
        for (int i = 0; i < Earlier; i++)
        {
            double seconds = ReadTimed(EarlierIn(OtherFolderOf(place), i), EarlierBytes).FirstByte;
            if (i == 0)
                record.Add(FreshByte, seconds);
        }
        SupplyMemory();
        (double firstByte, double whole) = ReadTimed(source, LengthBytes);
        record.Add(FirstByte, firstByte);
        record.Add(Whole, whole);
    }

    /// <returns>Seconds from before open() until the first byte, and until the last.</returns>
    private static (double FirstByte, double Whole) ReadTimed(NativePath path, long lengthBytes)
    {
        Span<byte> one = stackalloc byte[1];
        long start = Stopwatch.GetTimestamp();
        using NativeFile file = NativeFile.OpenRead(path);
        file.Read(one, 0);
        double firstByte = Stopwatch.GetElapsedTime(start).TotalSeconds;
        LargeFile.ReadFrom(file, 0, lengthBytes);
        return (firstByte, Stopwatch.GetElapsedTime(start).TotalSeconds);
    }

    private static NativePath EarlierIn(string folder, int number) => new(Path.Combine(folder, $"earlier-{number}"));

    private static NativePath PathIn(string folder) => new(Path.Combine(folder, "large"));
}
