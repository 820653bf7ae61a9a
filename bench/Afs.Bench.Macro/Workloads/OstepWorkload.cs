using Afs.Bench.Macro.Hosting;
using Afs.Bench.Macro.Machine;
using Afs.Bench.Macro.Measuring;
using Afs.Bench.Macro.Native;
using Afs.Bench.Macro.Places;

namespace Afs.Bench.Macro.Workloads;

/// <summary>
/// The table of "Operating Systems: Three Easy Pieces", chapter on AFS: what whole-file caching costs by file size and kind of access.
/// First read, one read and one write begin with nothing cached at the other client. Every time is from open() to close() returned.
/// </summary>
public sealed class OstepWorkload : Workload
{
    private const int BlockBytes = 4096;

    private readonly SizeClass[] _classes;

    public OstepWorkload(WorkContext context)
        : base(context)
    {
        _classes =
        [
            new SizeClass("small", Sizes.SmallFileBytes),
            new SizeClass("medium", context.Sizes.OstepMediumBytes),
            new SizeClass("large", context.Sizes.OstepLargeBytes),
        ];
    }

    public override string Name => "ostep";

    public override string About => "small, medium, large: first read, re-read, sequential write, overwrite, one write, one read";

    public override void Prepare(Place place)
    {
        foreach (SizeClass size in _classes)
        {
            foreach (string use in (string[])["read", "one-read", "one-write", "overwrite"])
                LargeFile.Write(PathOf(FolderOf(place), size, use), size.LengthBytes);
        }
    }

    public override void Run(Place place, Recorder record)
    {
        if (place.TryEmptyOtherClient() && PageCache.CanDrop)
        {
            PageCache.Drop();
            foreach (SizeClass size in _classes)
                RunUncached(place, size, record);
        }
        foreach (SizeClass size in _classes)
            RunCached(place, size, record);
    }

    private void RunUncached(Place place, SizeClass size, Recorder record)
    {
        string folder = OtherFolderOf(place);
        NativePath read = PathOf(folder, size, "read");
        record.Time(size.FirstRead, () => LargeFile.Read(read, size.LengthBytes));
        record.TimeRepeated(size.ReRead, () => LargeFile.Read(read, size.LengthBytes));
        record.Time(size.OneRead, () => ReadBlock(PathOf(folder, size, "one-read"), size.MiddleBytes));
        record.Time(size.OneWrite, () => WriteBlock(PathOf(folder, size, "one-write"), size.MiddleBytes));
        PageCache.Settle();
    }

    private void RunCached(Place place, SizeClass size, Recorder record)
    {
        string folder = FolderOf(place);
        NativePath written = PathOf(folder, size, "written");
        PageCache.Settle();
        record.Time(size.SequentialWrite, () => LargeFile.Write(written, size.LengthBytes));
        PageCache.Settle();
        record.Time(size.Overwrite, () => LargeFile.Write(PathOf(folder, size, "overwrite"), size.LengthBytes));
        FileTree.Unlink(written);
    }

    private static NativePath PathOf(string folder, SizeClass size, string use) =>
        new(Path.Combine(folder, $"{size.Name}-{use}"));

    private static void ReadBlock(NativePath path, long offset)
    {
        Span<byte> block = stackalloc byte[BlockBytes];
        using NativeFile file = NativeFile.OpenRead(path);
        file.Read(block, offset);
    }

    private static void WriteBlock(NativePath path, long offset)
    {
        Span<byte> block = stackalloc byte[BlockBytes];
        block.Fill(7);
        using NativeFile file = NativeFile.OpenWrite(path);
        file.Write(block, offset);
    }

    private sealed class SizeClass(string name, long lengthBytes)
    {
        public string Name { get; } = name;

        public long LengthBytes { get; } = lengthBytes;

        /// <summary>The block in the middle of the file.</summary>
        public long MiddleBytes { get; } = lengthBytes / 2 / BlockBytes * BlockBytes;

        public Measure FirstRead { get; } = new($"{name}: first read");
        public Measure ReRead { get; } = new($"{name}: re-read");
        public Measure SequentialWrite { get; } = new($"{name}: sequential write of a new file");
        public Measure Overwrite { get; } = new($"{name}: overwrite (O_TRUNC)");
        public Measure OneWrite { get; } = new($"{name}: one write, uncached");
        public Measure OneRead { get; } = new($"{name}: one read, uncached");
    }
}
