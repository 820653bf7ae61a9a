using Afs.Bench.Macro.Cells;
using Afs.Bench.Macro.Measuring;
using Afs.Bench.Macro.Native;
using Afs.Bench.Macro.Places;

namespace Afs.Bench.Macro.Workloads;

/// <summary>
/// One byte changed in a large cached file: whole-file caching's weak line. So that what is timed isn't the compiler of the daemons' runtime, two such writes come
/// before; the first of them, at a client and a server that never did so, is told by itself.
/// </summary>
public sealed class OneByteWorkload(WorkContext context) : Workload(context)
{
    private const int Earlier = 2;

    private static readonly TimeSpan UntilCompiled = TimeSpan.FromSeconds(1);

    private static readonly Measure First = new("the first 1-byte write in a large file after the daemons' start");
    private static readonly Measure ReadOnce = new("reading the large file once from page cache");
    private static readonly Measure OneByte = new("1-byte write in it, until close() returned");
    private static readonly Measure InReads = new("the same, in reads of the file", Unit.Factor, Goal.AtMost(1));
    private static readonly Measure OnWire = new("bytes on the wire, of the file's", Unit.Percent, Goal.AtMost(2));

    private readonly HashSet<string> _begun = [];

    public override string Name => "one-byte";

    public override string About => "one 1-byte write in a large cached file: time and bytes on the wire";

    private long LengthBytes => Context.Sizes.OneByteFileBytes;

    public override void Prepare(Place place) => LargeFile.Write(PathAt(place), LengthBytes);

    public override void Run(Place place, Recorder record)
    {
        NativePath path = PathAt(place);
        LargeFile.Read(path, LengthBytes);
        if (_begun.Add(place.Name))
            Begin(path, record);
        double readSeconds = record.Time(ReadOnce, () => LargeFile.Read(path, LengthBytes));
        double writeSeconds = 0;
        CellFigures? used = place.Meter(() => writeSeconds = record.Time(OneByte, () => WriteOne(path, LengthBytes / 2)));
        if (place.Name != Place.ControlName)
            record.Add(InReads, writeSeconds / readSeconds);
        if (used?.WireBytes is { } bytes)
            record.Add(OnWire, 100.0 * bytes / LengthBytes);
    }

    private void Begin(NativePath path, Recorder record)
    {
        record.Time(First, () => WriteOne(path, 0));
        for (int i = 1; i < Earlier; i++)
            WriteOne(path, 0);
        Thread.Sleep(UntilCompiled);
    }

    private NativePath PathAt(Place place) => new(Path.Combine(FolderOf(place), "large"));

    private static void WriteOne(NativePath path, long offset)
    {
        Span<byte> one = stackalloc byte[1];
        using NativeFile file = NativeFile.OpenWrite(path);
        file.Read(one, offset);
        one[0]++;
        file.Write(one, offset);
    }
}
