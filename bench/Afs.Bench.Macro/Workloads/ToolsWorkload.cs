using System.Diagnostics;
using Afs.Bench.Macro.Cells;
using Afs.Bench.Macro.Machine;
using Afs.Bench.Macro.Measuring;
using Afs.Bench.Macro.Places;

namespace Afs.Bench.Macro.Workloads;

/// <summary>What people do all day: unpack an archive, clone a repository, ask git what changed, remove it all.</summary>
public sealed class ToolsWorkload(WorkContext context) : Workload(context)
{
    private static readonly Measure Untar = new("untar");
    private static readonly Measure UntarSynced = new("untar, then sync");
    private static readonly Measure Clone = new("git clone");
    private static readonly Measure CheckOut = new("git checkout of the commit before, which differs in half of the files");
    private static readonly Measure Status = new("git status");
    private static readonly Measure StatusCalls = new("calls to the server in one git status", Unit.Calls);
    private static readonly Measure LooksCalls = new("calls in git --no-optional-locks status", Unit.Calls, Goal.AtMost(0));
    private static readonly Measure Remove = new("rm -rf of both");

    public override string Name => "tools";

    public override string About => "untar, git clone, git status, rm -rf of the source tree";

    /// <summary>The kernel's time for files may be this much behind the clock.</summary>
    private const int ClockStepMs = 20;

    private string Archive => Path.Combine(Context.Scratch, "tree.tar");

    private string Repository => Path.Combine(Context.Scratch, "tree.git");

    public override void Prepare(Place place)
    {
        if (File.Exists(Archive))
            return;
        ShellCommand.Run("tar", ["-cf", Archive, "--exclude=.git", "-C", Context.Tree.Root, "."]);
        if (ShellCommand.Exists("git"))
            MakeRepository();
        else
            Context.Results.Note("tools: git clone and git status left out, for there is no git here.");
    }

    public override void Run(Place place, Recorder record)
    {
        string unpacked = Path.Combine(FolderOf(place), "unpacked");
        string cloned = Path.Combine(FolderOf(place), "cloned");
        Directory.CreateDirectory(unpacked);
        PageCache.Settle();
        double untar = record.Time(Untar, () => ShellCommand.Run("tar", ["-xf", Archive, "-C", unpacked]));
        long start = Stopwatch.GetTimestamp();
        place.Sync();
        record.Add(UntarSynced, untar + Stopwatch.GetElapsedTime(start).TotalSeconds);
        if (Directory.Exists(Repository))
            CloneAndAsk(place, cloned, record);
        record.Time(Remove, () => ShellCommand.Run("rm", ["-rf", unpacked, cloned]));
    }

    /// <summary>
    /// The first status settles git's own index of times: in a later second than the clone's, for while a file may be of the index's own second, each
    /// status reads it and writes the index anew. A settled one creates index.lock and removes it again, which no filesystem can do without its
    /// server; without optional locks it only looks.
    /// </summary>
    private void CloneAndAsk(Place place, string cloned, Recorder record)
    {
        PageCache.Settle();
        record.Time(Clone, () => Git("clone", "--quiet", "--no-hardlinks", Repository, cloned));
        WaitForNextSecond();
        Git("-C", cloned, "status", "--short");
        record.TimeRepeated(Status, () => Git("-C", cloned, "status", "--short"));
        if (place.Meter(() => Git("-C", cloned, "status", "--short")) is { } locking)
            record.Add(StatusCalls, locking.FirstClientCalls);
        if (place.Meter(() => Git("-C", cloned, "--no-optional-locks", "status", "--short")) is { } looking)
            record.Add(LooksCalls, looking.FirstClientCalls);
        record.Time(CheckOut, () => Git("-C", cloned, "checkout", "--quiet", "HEAD~1"));
        place.Sync();
    }

    private static void WaitForNextSecond() => Thread.Sleep(1_000 - DateTime.UtcNow.Millisecond + ClockStepMs);

    private void MakeRepository()
    {
        string work = Path.Combine(Context.Scratch, "tree.work");
        Directory.CreateDirectory(work);
        ShellCommand.Run("tar", ["-xf", Archive, "-C", work]);
        Git("-C", work, "init", "--quiet");
        Git("-C", work, "add", "--all", "--force");
        Commit(work);
        // Then half of the files change.
        int count = 0;
        foreach (string file in Directory.EnumerateFiles(work, "*", SearchOption.AllDirectories).Where(static file => !file.Contains("/.git/", StringComparison.Ordinal)).Order())
        {
            if (count++ % 2 == 0)
                File.AppendAllText(file, "\n");
        }
        Git("-C", work, "add", "--all", "--force");
        Commit(work);
        Git("clone", "--quiet", "--bare", work, Repository);
        Directory.Delete(work, recursive: true);
    }

    private static void Commit(string work) => Git("-C", work, "-c", "user.name=bench", "-c", "user.email=bench@localhost", "commit", "--quiet", "-m", "tree");

    /// <summary>Without the user's and the machine's settings, which could change what git does.</summary>
    private static void Git(params string[] arguments) =>
        ShellCommand.Run("env", ["GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "git", .. arguments]);
}
