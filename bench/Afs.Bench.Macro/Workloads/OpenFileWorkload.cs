using Afs.Bench.Macro.Machine;
using Afs.Bench.Macro.Measuring;
using Afs.Bench.Macro.Native;
using Afs.Bench.Macro.Places;

namespace Afs.Bench.Macro.Workloads;

/// <summary>Reads and writes of a large cached file that is already open: what passthrough is for. No open, close or fsync is timed.</summary>
public sealed class OpenFileWorkload(WorkContext context) : Workload(context)
{
    private const int SequentialBytes = 128 * 1024;
    private const int RandomBytes = 4096;
    private const int Seed = 1985;

    /// <summary>The same memory for all places: what a copy takes depends on where it goes to by more than what is compared.</summary>
    private readonly byte[] _large = GC.AllocateUninitializedArray<byte>(SequentialBytes, pinned: true), _small = GC.AllocateUninitializedArray<byte>(RandomBytes, pinned: true);

    private static readonly Measure SequentialRead = new("sequential read", Goal: Goal.Ratio(1.1));
    private static readonly Measure SequentialWrite = new("sequential write", Goal: Goal.Ratio(1.1));
    private static readonly Measure RandomRead = new("random 4-KiB read", Goal: Goal.Ratio(1.1));
    private static readonly Measure RandomWrite = new("random 4-KiB write", Goal: Goal.Ratio(1.1));
    private static readonly Measure MappedRead = new("read through mmap", Goal: Goal.Ratio(1.1));
    private static readonly Measure MappedWrite = new("write through mmap", Goal: Goal.Ratio(1.1));

    public override string Name => "open-file";

    public override string About => "sequential, random and mapped reads and writes of a cached open file";

    private long LengthBytes => Context.Sizes.OpenFileBytes;

    public override void Prepare(Place place)
    {
        using NativeFile file = NativeFile.Create(PathAt(place));
        LargeFile.Fill(file, LengthBytes);
    }

    public override void Run(Place place, Recorder record)
    {
        using NativeFile file = NativeFile.OpenWrite(PathAt(place));
        int operations = Context.Sizes.RandomOperations;
        long[] offsets = Offsets(operations);

        ReadSequentially(file, _large);
        record.TimeRepeated(SequentialRead, () => ReadSequentially(file, _large));
        record.TimeRepeated(RandomRead, () => ReadAt(file, _small, offsets), operations);
        record.TimeRepeated(SequentialWrite, () => WriteSequentially(file, _large), before: PageCache.Settle);
        record.TimeRepeated(RandomWrite, () => WriteAt(file, _small, offsets), operations, before: PageCache.Settle);
        PageCache.Settle();
        using (var map = new MappedFile(file, LengthBytes))
        {
            record.TimeRepeated(MappedRead, () => map.Sum());
            record.TimeRepeated(MappedWrite, () => map.Fill(1), before: PageCache.Settle);
        }
        PageCache.Settle();
    }

    private NativePath PathAt(Place place) => new(Path.Combine(FolderOf(place), "large"));

    private long[] Offsets(int count)
    {
        var random = new Random(Seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.NextInt64(LengthBytes / RandomBytes) * RandomBytes)];
    }

    private void ReadSequentially(NativeFile file, byte[] buffer)
    {
        for (long at = 0; at < LengthBytes; at += buffer.Length)
            Expect(file.Read(buffer, at), buffer.Length);
    }

    private void WriteSequentially(NativeFile file, byte[] buffer)
    {
        for (long at = 0; at < LengthBytes; at += buffer.Length)
            file.Write(buffer, at);
    }

    private static void ReadAt(NativeFile file, byte[] buffer, long[] offsets)
    {
        foreach (long offset in offsets)
            Expect(file.Read(buffer, offset), buffer.Length);
    }

    private static void WriteAt(NativeFile file, byte[] buffer, long[] offsets)
    {
        foreach (long offset in offsets)
            file.Write(buffer, offset);
    }

    private static void Expect(int count, int expected)
    {
        if (count != expected)
            throw new IOException($"A read gave {count} bytes instead of {expected}.");
    }
}
