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
            new SizeClass("small", Sizes.SmallFileBytes, files: 64),
            new SizeClass("medium", context.Sizes.OstepMediumBytes, files: 8),
            new SizeClass("large", context.Sizes.OstepLargeBytes, files: 1),
        ];
    }

    public override string Name => "ostep";

    public override string About => "small, medium, large: first read, re-read, sequential write, overwrite, one write, one read";

    public override void Prepare(Place place)
    {
        foreach (SizeClass size in _classes)
        {
            foreach (string use in (string[])["read", "one-read", "one-write", "overwrite"])
                ForEach(size.PathsIn(FolderOf(place), use), path => LargeFile.Write(path, size.LengthBytes));
        }
    }

    public override void Run(Place place, Recorder record)
    {
        if (place.TryEmptyOtherClient() && PageCache.CanDrop)
        {
            PageCache.Drop();
            foreach (SizeClass size in _classes)
                RunUncached(OtherFolderOf(place), size, record);
        }
        foreach (SizeClass size in _classes)
            RunCached(FolderOf(place), size, record);
    }

    private static void RunUncached(string folder, SizeClass size, Recorder record)
    {
        NativePath[] read = size.PathsIn(folder, "read");
        NativePath[] oneRead = size.PathsIn(folder, "one-read");
        NativePath[] oneWrite = size.PathsIn(folder, "one-write");
        Action readAll = () => ForEach(read, path => LargeFile.Read(path, size.LengthBytes));
        record.Time(size.FirstRead, readAll, size.Files);
        record.TimeRepeated(size.ReRead, readAll, size.Files);
        record.Time(size.OneRead, () => ForEach(oneRead, path => ReadBlock(path, size.MiddleBytes)), size.Files);
        record.Time(size.OneWrite, () => ForEach(oneWrite, path => WriteBlock(path, size.MiddleBytes)), size.Files);
        PageCache.Settle();
    }

    private static void RunCached(string folder, SizeClass size, Recorder record)
    {
        NativePath[] written = size.PathsIn(folder, "written");
        NativePath[] overwritten = size.PathsIn(folder, "overwrite");
        PageCache.Settle();
        record.Time(size.SequentialWrite, () => ForEach(written, path => LargeFile.Write(path, size.LengthBytes)), size.Files);
        PageCache.Settle();
        record.Time(size.Overwrite, () => ForEach(overwritten, path => LargeFile.Write(path, size.LengthBytes)), size.Files);
        ForEach(written, FileTree.Unlink);
    }

    private static void ForEach(NativePath[] paths, Action<NativePath> action)
    {
        foreach (NativePath path in paths)
            action(path);
    }

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

    /// <param name="name">As the table says it.</param>
    /// <param name="lengthBytes">Of each file.</param>
    /// <param name="files">How many are done in one timed section; a line tells the time of one.</param>
    private sealed class SizeClass(string name, long lengthBytes, int files)
    {
        public int Files { get; } = files;

        public long LengthBytes { get; } = lengthBytes;

        /// <summary>The block in the middle of the file.</summary>
        public long MiddleBytes { get; } = lengthBytes / 2 / BlockBytes * BlockBytes;

        public Measure FirstRead { get; } = new($"{name}: first read");
        public Measure ReRead { get; } = new($"{name}: re-read");
        public Measure SequentialWrite { get; } = new($"{name}: sequential write of a new file");
        public Measure Overwrite { get; } = new($"{name}: overwrite (O_TRUNC)");
        public Measure OneWrite { get; } = new($"{name}: one write, uncached");
        public Measure OneRead { get; } = new($"{name}: one read, uncached");

        public NativePath[] PathsIn(string folder, string use) => NativePath.Numbered(folder, $"{name}-{use}-", Files);
    }
}
