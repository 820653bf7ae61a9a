using System.CommandLine;

namespace Afs.Bench.Macro.Hosting;

/// <summary>The options of scripts/bench.</summary>
public sealed class CommandLine
{
    /// <summary>After Ctrl-C: time to unmount, to stop the daemons and to remove the folders.</summary>
    private static readonly TimeSpan CleanUpTimeout = TimeSpan.FromSeconds(90);

    private const int MostFsyncMs = 1000;

    private readonly Option<string> _directory = new("--dir")
    {
        Description = "folder for the control, the server's data and the caches",
        DefaultValueFactory = _ => Path.GetTempPath(),
    };

    private readonly Option<string> _vice = new("--vice") { Description = "the vice program", DefaultValueFactory = _ => "vice" };
    private readonly Option<string> _venus = new("--venus") { Description = "the venus program", DefaultValueFactory = _ => "venus" };
    private readonly Option<string> _io = new("--io") { Description = "passthrough, daemon or auto", DefaultValueFactory = _ => "auto" };
    private readonly Option<string?> _writeBehind = new("--write-behind") { Description = "one more client beside, with changes written behind up to this age, as 1s" };
    private readonly Option<bool> _unix = new("--unix") { Description = "Unix socket instead of loopback TCP" };
    private readonly Option<bool> _noCell = new("--no-afs") { Description = "compare the control with --peer alone" };
    private readonly Option<string?> _peer = new("--peer") { Description = "a folder in any other mount, to be measured beside" };
    private readonly Option<string?> _tree = new("--tree") { Description = "a source tree instead of the generated one" };
    private readonly Option<string> _build = new("--build")
    {
        Description = "how that tree is built, run with sh",
        DefaultValueFactory = _ => "make",
    };

    private readonly Option<string?> _json = new("--json") { Description = "write every value to this file" };
    private readonly Option<string[]> _only = new("--only") { Description = "only this workload (a wrong name lists them); may be given again" };
    private readonly Option<int?> _runs = new("--runs") { Description = "runs of each workload (5; 3 with --quick)" };
    private readonly Option<int?> _fsync = new("--fsync-ms")
    {
        Description = "every fsync takes this much longer than the disk needs, in all processes: as on a disk without a safe cache",
    };

    private readonly Option<bool> _quick = new("--quick") { Description = "small sizes, fewer runs" };
    private readonly Option<bool> _keep = new("--keep") { Description = "leave the temporary folder, with the daemons' output" };

    private readonly RootCommand _root;

    public CommandLine()
    {
        _root = new RootCommand("Measures a mount against the local filesystem, in one run, in turns.")
        {
            _directory, _vice, _venus, _io, _writeBehind, _unix, _noCell, _peer, _tree, _build, _json, _only, _runs, _fsync, _quick, _keep,
        };
        _io.AcceptOnlyFromAmong("passthrough", "daemon", "auto");
        _runs.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int?>() is < 1)
                result.AddError("--runs must be 1 or more.");
        });
        _fsync.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int?>() is < 1 or > MostFsyncMs)
                result.AddError($"--fsync-ms must be 1 to {MostFsyncMs}.");
        });
    }

    public int Invoke(string[] arguments, Func<BenchOptions, CancellationToken, bool> run)
    {
        _root.SetAction((parsed, stop) => Task.Run(() => Guard(() => run(OptionsOf(parsed), stop))));
        var settings = new InvocationConfiguration { ProcessTerminationTimeout = CleanUpTimeout };
        return _root.Parse(arguments).InvokeAsync(settings).GetAwaiter().GetResult();
    }

    /// <summary>0: all workloads succeeded; 1: one failed; 2: it could not be started; 130: interrupted.</summary>
    private static int Guard(Func<bool> run)
    {
        try
        {
            return run() ? 0 : 1;
        }
        catch (OperationCanceledException)
        {
            return 130;
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException or IOException
            or UnauthorizedAccessException or System.ComponentModel.Win32Exception)
        {
            Console.Error.WriteLine($"bench: {e.Message}");
            return 2;
        }
    }

    private BenchOptions OptionsOf(ParseResult parsed) => new()
    {
        Directory = parsed.GetValue(_directory)!,
        ViceProgram = parsed.GetValue(_vice)!,
        VenusProgram = parsed.GetValue(_venus)!,
        Io = parsed.GetValue(_io)!,
        WriteBehind = parsed.GetValue(_writeBehind),
        OverUnixSocket = parsed.GetValue(_unix),
        WithoutCell = parsed.GetValue(_noCell),
        Peer = parsed.GetValue(_peer),
        Tree = parsed.GetValue(_tree),
        BuildCommand = parsed.GetValue(_build)!,
        JsonFile = parsed.GetValue(_json),
        Only = parsed.GetValue(_only) ?? [],
        Runs = parsed.GetValue(_runs),
        FsyncMs = parsed.GetValue(_fsync),
        Quick = parsed.GetValue(_quick),
        Keep = parsed.GetValue(_keep),
    };
}
