using System.Diagnostics;
using System.Globalization;

namespace Afs.Fuzz;

/// <summary>What came of one target.</summary>
/// <param name="Executions">Of all its processes, as far as they told.</param>
/// <param name="Edges">The most that one of them saw.</param>
internal readonly record struct TargetResult(long Executions, double PerSecond, long Accepted, int Edges, int Inputs, int Findings)
{
    public TargetResult And(TargetResult other) => new(
        Executions + other.Executions, PerSecond + other.PerSecond, Accepted + other.Accepted, Math.Max(Edges, other.Edges), Math.Max(Inputs, other.Inputs), Findings + other.Findings);
}

/// <summary>Starts the processes that work on targets, and sees to those that end on an input: that is a finding, and the work goes on.</summary>
internal sealed class Campaign(string program, Folders folders, TextWriter output)
{
    /// <summary>After as many ends of one target's process it is given up: something else is wrong.</summary>
    private const int MostEnds = 20;

    private const int OutputLines = 40;

    /// <summary>What a process may have of memory, in hexadecimal: one that wants more is told so by an exception.</summary>
    private const string MostMemory = "0x30000000";

    private readonly Lock _lock = new();
    private int _processes;

    /// <param name="seconds">For each process.</param>
    /// <param name="seed">Of the first process.</param>
    /// <param name="isFresh">Only the tree's corpus is known, and it ends with the first finding.</param>
    public async Task<TargetResult> ExploreAsync(Target target, double seconds, long executions, int seed, bool isFresh)
    {
        long begun = Stopwatch.GetTimestamp();
        var result = default(TargetResult);
        for (int ends = 0; ends < MostEnds; ends++)
        {
            double left = seconds - Stopwatch.GetElapsedTime(begun).TotalSeconds;
            if (left <= 0)
                break;
            WorkOrder order = Order(WorkKind.Explore, target, left, executions, seed + ends, isFresh);
            (int code, TargetResult part, string tail) = await RunAsync(order, isQuiet: isFresh);
            result = result.And(part);
            if (code is Worker.Clean or Worker.Failed && part.Executions > 0)
                break;
            result = result with { Findings = result.Findings + 1 };
            Save(order, code, tail);
            if (isFresh)
                break;
        }
        return result;
    }

    public async Task<int> ReplayAsync(Target target, string input)
    {
        WorkOrder order = Order(WorkKind.Replay, target, double.MaxValue, 0, 0, isFresh: true) with { Input = Path.GetFullPath(input) };
        (int code, _, string tail) = await RunAsync(order, isQuiet: false);
        if (code is not (Worker.Clean or Worker.Failed))
            output.WriteLine($"{End(code)}\n{tail}");
        File.Delete(order.Record);
        return code == Worker.Clean ? 0 : 1;
    }

    public async Task MinimiseAsync(Target target) => await RunAsync(Order(WorkKind.Minimise, target, double.MaxValue, 0, 0, isFresh: false), isQuiet: false);

    private WorkOrder Order(WorkKind kind, Target target, double seconds, long executions, int seed, bool isFresh) => new(
        kind, target.Name, seconds, executions, seed, isFresh ? "" : folders.FoundOf(target.Name), folders.Findings, folders.KeptOf(target.Name),
        folders.RecordOf(target.Name, Interlocked.Increment(ref _processes)));

    private void Save(WorkOrder order, int code, string tail)
    {
        if (!File.Exists(order.Record))
            throw new InvalidOperationException($"The process for {order.Target} ended with status {code} before it began.\n{tail}");
        var finding = Finding.Of(order.Target, End(code), tail, InputRecord.Read(order.Record));
        if (finding.Save(folders.Findings) is { } path)
            Say($"finding {order.Target}: {path}: {End(code)}");
        File.Delete(order.Record);
    }

    private static string End(int code) => code == Watchdog.ExitCode
        ? $"One input takes more than {Watchdog.MostProcessorTime.TotalSeconds} seconds of a processor."
        : string.Create(CultureInfo.InvariantCulture, $"The process ended with status {code}.");

    private async Task<(int Code, TargetResult Result, string Tail)> RunAsync(WorkOrder order, bool isQuiet)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(order.Record)!);
        var start = new ProcessStartInfo(Environment.ProcessPath!, [program, .. order.ToArguments()]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["DOTNET_GCHeapHardLimit"] = MostMemory;
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        using Process process = Process.Start(start)!;
        var result = default(TargetResult);
        var tail = new List<string>();
        await Task.WhenAll(ReadAsync(process.StandardOutput, Take), ReadAsync(process.StandardError, line =>
        {
            if (tail.Count < OutputLines)
                tail.Add(line);
        }));
        await process.WaitForExitAsync();
        if (process.ExitCode is Worker.Clean or Worker.Failed)
            File.Delete(order.Record);
        return (process.ExitCode, result, string.Join('\n', tail));

        void Take(string line)
        {
            string[] words = line.Split(' ');
            if (words is ["at" or "end", var executions, var perSecond, var accepted, var edges, var inputs, var findings])
            {
                result = new TargetResult(
                    Number(executions), Number(perSecond), Number(accepted), (int)Number(edges), (int)Number(inputs), (int)Number(findings));
                if (!isQuiet)
                    Say($"{order.Target}: {Describe(result)}");
            }
            else
            {
                Say(words[0] == "finding" ? $"finding {order.Target}: {string.Join(' ', words.Skip(1))}" : $"{order.Target}: {line}");
            }
        }
    }

    public static string Describe(TargetResult r) => string.Create(
        CultureInfo.InvariantCulture, $"{r.Executions} executions ({r.PerSecond:f0}/s, {100.0 * r.Accepted / Math.Max(1, r.Executions):f0} % accepted), {r.Edges} edges, {r.Inputs} inputs, {r.Findings} findings");

    private void Say(string line)
    {
        lock (_lock)
            output.WriteLine(line);
    }

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);

    private static async Task ReadAsync(StreamReader reader, Action<string> take)
    {
        while (await reader.ReadLineAsync() is { } line)
            take(line);
    }
}
