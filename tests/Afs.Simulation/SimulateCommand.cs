using System.CommandLine;
using System.Diagnostics;
using Afs.CommandLines;

namespace Afs.Simulation;

/// <summary>The command behind scripts/simulate.</summary>
internal static class SimulateCommand
{
    private const int WrongCommandLine = 2;

    public static int Run(string[] args)
    {
        var first = new Option<int>("--first") { HelpName = "SEED", Description = "the first seed", DefaultValueFactory = _ => 1 };
        var seeds = new Option<int>("--seeds") { HelpName = "N", Description = "how many seeds to run", DefaultValueFactory = _ => 1000 };
        var seed = new Option<int?>("--seed") { HelpName = "SEED", Description = "run this one seed" };
        var story = new Option<bool>("--story") { Description = "print what happens" };
        var bug = new Option<PlantedBug>("--bug") { HelpName = "BUG", Description = $"plant this error, which must be found: {string.Join(", ", Enum.GetNames<PlantedBug>().Skip(1))}" };
        var wide = new Option<bool>("--wide") { Description = "also contents that are sent in parts, watches, and prefetching" };
        var behind = new Option<bool>("--behind") { Description = "some clients write behind" };
        var command = new RootCommand("Runs a server and its clients through random faults, from seeds, and checks what they promise.") { first, seeds, seed, story, bug, wide, behind };
        command.SetAction(parsed => parsed.GetValue(seed) is { } one
            ? RunMany(one, 1, parsed.GetValue(bug), parsed.GetValue(story), parsed.GetValue(wide), parsed.GetValue(behind))
            : RunMany(parsed.GetValue(first), parsed.GetValue(seeds), parsed.GetValue(bug), parsed.GetValue(story), parsed.GetValue(wide), parsed.GetValue(behind)));
        ParseResult parsed = PlainParser.Parse(command, args);
        if (WrongUsage.Find("scripts/simulate", parsed) is not { } wrong)
            return parsed.Invoke();
        Console.Error.WriteLine($"scripts/simulate: {wrong}");
        return WrongCommandLine;
    }

    private static int RunMany(int first, int count, PlantedBug bug, bool tellsStory, bool isWide, bool writesBehind)
    {
        long began = Stopwatch.GetTimestamp();
        (long turns, long answers, long commits, int failed) = (0, 0, 0, 0);
        for (int seed = first; seed < first + count; seed++)
        {
            SimulationResult result = Simulation.Run(new SimulationOptions { Seed = seed, Bug = bug, IsWide = isWide, WritesBehind = writesBehind, Story = tellsStory ? Console.Out : null });
            (turns, answers, commits) = (turns + result.Turns, answers + result.Answers, commits + result.Commits);
            if (result.Violation is { } violation)
            {
                failed++;
                Console.WriteLine($"seed {seed}: {violation.Message}");
                if (count == 1 && violation.InnerException is { } inner)
                    Console.WriteLine(inner);
            }
            if (count == 1)
                Console.WriteLine($"seed {seed}: story {result.StoryHash:x16}");
        }
        Console.WriteLine($"{count} seeds, {failed} failed; {turns} turns, {commits} mutations, {answers} answers judged, {Stopwatch.GetElapsedTime(began).TotalSeconds:f1} s");
        return failed == 0 ? 0 : 1;
    }
}
