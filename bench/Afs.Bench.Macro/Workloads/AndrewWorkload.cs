using Afs.Bench.Macro.Cells;
using Afs.Bench.Macro.Machine;
using Afs.Bench.Macro.Measuring;
using Afs.Bench.Macro.Native;
using Afs.Bench.Macro.Places;
using Afs.Bench.Macro.Trees;

namespace Afs.Bench.Macro.Workloads;

/// <summary>The Andrew benchmark (Howard et al. 1988): make the folders, copy the files, stat all, read all, build.</summary>
public sealed class AndrewWorkload(WorkContext context) : Workload(context)
{
    private static readonly Measure MakeDir = new("MakeDir");
    private static readonly Measure Copy = new("Copy");
    private static readonly Measure ScanDir = new("ScanDir");
    private static readonly Measure ReadAll = new("ReadAll");
    private static readonly Measure Make = new("Make");
    private static readonly Measure Total = new("all five phases", Goal: Goal.Ratio(1.5));
    private static readonly Measure MakeAgain = new("make with nothing to do");
    private static readonly Measure MakeAgainCalls = new("calls to the server in it", Unit.Calls, Goal.AtMost(0));

    private readonly bool _canMake = ShellCommand.Exists("make") && ShellCommand.Exists("cc");

    public override string Name => "andrew";

    public override string About => "the Andrew benchmark's five phases on a source tree";

    private SourceTree Tree => Context.Tree;

    public override void Run(Place place, Recorder record)
    {
        string target = Path.Combine(FolderOf(place), "run");
        PageCache.Settle();
        double total = record.Time(MakeDir, () => MakeDirectories(target));
        total += record.Time(Copy, () => CopyFiles(target));
        total += record.Time(ScanDir, () => ScanDirectories(target));
        total += record.Time(ReadAll, () => ReadFiles(target));
        if (_canMake)
        {
            total += record.Time(Make, () => Build(target));
            record.Add(Total, total);
            CellFigures? used = place.Meter(() => record.TimeRepeated(MakeAgain, () => Build(target)));
            if (used is { } made)
                record.Add(MakeAgainCalls, made.FirstClientCalls);
        }
        else
            Context.Results.Note("andrew: Make and the sum left out, for there is no make or no cc here.");
        Directory.Delete(target, recursive: true);
    }

    private void MakeDirectories(string target)
    {
        FileTree.MakeDirectory(new NativePath(target));
        foreach (string directory in Tree.Directories)
            FileTree.MakeDirectory(new NativePath(Path.Combine(target, directory)));
    }

    private void CopyFiles(string target)
    {
        foreach (string file in Tree.Files)
            FileCopy.Copy(new NativePath(Path.Combine(Tree.Root, file)), new NativePath(Path.Combine(target, file)));
    }

    private void ScanDirectories(string target)
    {
        foreach (string directory in Tree.Directories.Prepend("."))
            FileTree.List(new NativePath(Path.Combine(target, directory)));
    }

    private void ReadFiles(string target)
    {
        Span<byte> buffer = stackalloc byte[16 * 1024];
        foreach (string name in Tree.Files)
        {
            using NativeFile file = NativeFile.OpenRead(new NativePath(Path.Combine(target, name)));
            long at = 0;
            int count;
            while ((count = file.Read(buffer, at)) > 0)
                at += count;
        }
    }

    private void Build(string target) => ShellCommand.Run("sh", ["-c", Tree.BuildCommand], target);
}
