using Afs.Bench.Macro.Hosting;
using Afs.Bench.Macro.Native;

namespace Afs.Bench.Macro.Workloads;

/// <summary>Many files of 4 KiB in one directory, and the ways to go through them.</summary>
public static class SmallFiles
{
    private const string Prefix = "file-";

    public static NativePath[] Paths(string directory, int count) => NativePath.Numbered(directory, Prefix, count);

    public static void Create(NativePath path, ReadOnlySpan<byte> content)
    {
        using NativeFile file = NativeFile.Create(path);
        file.Write(content, 0);
    }

    /// <summary>open, read, close of each.</summary>
    public static void ReadAll(NativePath[] paths)
    {
        Span<byte> buffer = stackalloc byte[Sizes.SmallFileBytes];
        foreach (NativePath path in paths)
        {
            using NativeFile file = NativeFile.OpenRead(path);
            if (file.Read(buffer, 0) != Sizes.SmallFileBytes)
                throw new IOException($"{path} is not {Sizes.SmallFileBytes} bytes long.");
        }
    }

    public static void StatAll(NativePath[] paths)
    {
        foreach (NativePath path in paths)
            FileTree.Stat(path);
    }

    /// <summary>Creates them from several threads, each with its own share, all starting at once.</summary>
    public static void CreateTogether(NativePath[] paths, int threads, ReadOnlyMemory<byte> content)
    {
        using var barrier = new Barrier(threads);
        Task[] tasks = [.. Enumerable.Range(0, threads).Select(first => Task.Factory.StartNew(
            () =>
            {
                barrier.SignalAndWait();
                for (int i = first; i < paths.Length; i += threads)
                    Create(paths[i], content.Span);
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default))];
        Task.WaitAll(tasks);
    }
}
