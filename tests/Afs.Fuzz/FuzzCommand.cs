using System.CommandLine;
using Afs.CommandLines;

namespace Afs.Fuzz;

/// <summary>The command behind scripts/fuzz.</summary>
internal static class FuzzCommand
{
    private const int WrongCommandLine = 2;

    /// <summary>The short run's: it is the same each time.</summary>
    private const int ShortSeed = 1;

    /// <summary>A bound for a machine that is very busy: the number of executions ends a target long before.</summary>
    private const double ShortSeconds = 240;

    private static readonly Argument<string?> Name = new("TARGET") { Description = "one parser; without it, all of them, one after the other", DefaultValueFactory = _ => null };
    private static readonly Option<double> Minutes = new("--minutes") { HelpName = "N", Description = "how long, for each target", DefaultValueFactory = _ => 10 };
    private static readonly Option<int> Jobs = new Option<int>("--jobs") { HelpName = "N", Description = "processes at a time: of several targets, or of the one", DefaultValueFactory = _ => 1 }.Within(1, 256);
    private static readonly Option<int?> Seed = new("--seed") { HelpName = "N", Description = "of the first process; without it, another one each time" };
    private static readonly Option<string?> Replay = new("--replay") { HelpName = "FILE", Description = "run this input, and say what comes of it" };
    private static readonly Option<bool> List = new("--list") { Description = "print the targets" };
    private static readonly Option<bool> Minimise = new("--minimise") { Description = "make what was found the corpus of the tree, as small as it can be" };
    private static readonly Option<bool> Short = new("--short") { Description = "the part of scripts/test: the corpus, a little more, and the planted errors" };

    public static int Run(string[] arguments)
    {
        var command = new RootCommand("Feeds the parsers what reaches ever more of their code, and checks what they make of it. docs/testing/fuzzing.md.")
        {
            Name, Minutes, Jobs, Seed, Replay, List, Minimise, Short,
        };
        command.SetAction(RunAsync);
        ParseResult parsed = PlainParser.Parse(command, arguments);
        if (WrongUsage.Find("scripts/fuzz", parsed) is not { } wrong)
            return parsed.Invoke();
        Console.Error.WriteLine($"scripts/fuzz: {wrong}");
        return WrongCommandLine;
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        if (parsed.GetValue(List))
        {
            foreach (Target target in Targets.Real)
                Console.WriteLine($"{target.Name,-18} {target.About}");
            return 0;
        }
        Target? one = parsed.GetValue(Name) is { } name ? Targets.Find(name) : null;
        if (one is null && (parsed.GetValue(Name) is not null || parsed.GetValue(Replay) is not null))
        {
            Console.Error.WriteLine(parsed.GetValue(Name) is { } unknown ? $"scripts/fuzz: there is no target '{unknown}'; --list prints them." : "scripts/fuzz: a replay needs its target.");
            return WrongCommandLine;
        }
        var folders = Folders.Find();
        var campaign = new Campaign(Instrumentation.Prepare(folders.Work), folders, Console.Out);
        if (parsed.GetValue(Replay) is { } input)
            return await campaign.ReplayAsync(one!, input);
        IReadOnlyList<Target> targets = one is null ? Targets.Real : [one];
        if (parsed.GetValue(Short))
            return await RunShortAsync(campaign, one is null ? [.. Targets.Real, .. Targets.Planted] : targets, parsed.GetValue(Jobs));
        if (parsed.GetValue(Minimise))
        {
            foreach (Target target in targets)
                await campaign.MinimiseAsync(target);
            return 0;
        }
        return await RunLongAsync(campaign, targets, parsed);
    }

    /// <summary>So many processes at a time; of one target, all of them.</summary>
    private static async Task<int> RunLongAsync(Campaign campaign, IReadOnlyList<Target> targets, ParseResult parsed)
    {
        (int jobs, int seed) = (parsed.GetValue(Jobs), parsed.GetValue(Seed) ?? Random.Shared.Next());
        Console.WriteLine($"seed {seed}");
        int found = 0;
        (Target Target, int Seed)[] work = targets.Count == 1 ? [.. Enumerable.Range(0, jobs).Select(job => (targets[0], seed + job * 1000))] : [.. targets.Select(target => (target, seed))];
        await Parallel.ForEachAsync(work, new ParallelOptions { MaxDegreeOfParallelism = jobs }, async (item, _) =>
        {
            TargetResult result = await campaign.ExploreAsync(item.Target, parsed.GetValue(Minutes) * 60, long.MaxValue, item.Seed, isFresh: false);
            Interlocked.Add(ref found, result.Findings);
            lock (campaign)
                Console.WriteLine($"{item.Target.Name}: ended: {Campaign.Describe(result)}");
        });
        Console.WriteLine($"{targets.Count} targets, {found} findings");
        return found == 0 ? 0 : 1;
    }

    /// <summary>One line "ok NAME" or "not ok NAME" for each: of a parser, that nothing was found; of a planted error, that it was.</summary>
    private static async Task<int> RunShortAsync(Campaign campaign, IReadOnlyList<Target> targets, int jobs)
    {
        int wrong = 0;
        await Parallel.ForEachAsync(targets, new ParallelOptions { MaxDegreeOfParallelism = jobs }, async (target, _) =>
        {
            bool isPlanted = Targets.Planted.Contains(target);
            TargetResult result = await campaign.ExploreAsync(target, ShortSeconds, target.ShortExecutions, ShortSeed, isFresh: true);
            bool isGood = result.Findings > 0 == isPlanted;
            if (!isGood)
                Interlocked.Increment(ref wrong);
            lock (campaign)
                Console.WriteLine($"{(isGood ? "ok" : "not ok")} {target.Name}\n  {Campaign.Describe(result)}");
        });
        return wrong == 0 ? 0 : 1;
    }
}
