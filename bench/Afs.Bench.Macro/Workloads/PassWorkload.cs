using Afs.Bench.Macro.Measuring;
using Afs.Bench.Macro.Native;
using Afs.Bench.Macro.Places;

namespace Afs.Bench.Macro.Workloads;

/// <summary>
/// Two clients change one small file in turns. Each must open exactly what the other closed: a stale read fails the run.
/// </summary>
public sealed class PassWorkload(WorkContext context) : Workload(context)
{
    private static readonly Measure Pass = new("write and close here, open and read there");

    public override string Name => "to-and-fro";

    public override string About => "a file passed to and fro between two clients";

    public override void Run(Place place, Recorder record)
    {
        var here = new NativePath(Path.Combine(FolderOf(place), "ball"));
        var there = new NativePath(Path.Combine(OtherFolderOf(place), "ball"));
        NativeFile.Create(here).Dispose();
        int passes = Context.Sizes.PassesToAndFro;
        record.Time(Pass, () => PassToAndFro(here, there, passes), passes);
    }

    private static void PassToAndFro(NativePath here, NativePath there, int passes)
    {
        for (int number = 1; number <= passes; number++)
        {
            (NativePath writer, NativePath reader) = number % 2 == 1 ? (here, there) : (there, here);
            Write(writer, number);
            int seen = Read(reader);
            if (seen != number)
                throw new IOException($"{reader} shows version {seen} after version {number} was closed at {writer}.");
        }
    }

    private static void Write(NativePath path, int number)
    {
        Span<byte> content = stackalloc byte[sizeof(int)];
        BitConverter.TryWriteBytes(content, number);
        using NativeFile file = NativeFile.Create(path);
        file.Write(content, 0);
    }

    private static int Read(NativePath path)
    {
        Span<byte> content = stackalloc byte[sizeof(int)];
        using NativeFile file = NativeFile.OpenRead(path);
        return file.Read(content, 0) == content.Length ? BitConverter.ToInt32(content) : -1;
    }
}
