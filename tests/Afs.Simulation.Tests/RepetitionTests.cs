using System.Diagnostics;

namespace Afs.Simulation.Tests;

/// <summary>A seed is worth something because it repeats its run exactly.</summary>
public sealed class RepetitionTests
{
    [Fact]
    public void A_seed_tells_the_same_story_again()
    {
        for (int seed = 1; seed <= 5; seed++)
            Assert.Equal(Run(seed), Run(seed));
    }

    [Fact]
    public void Another_seed_tells_another_story() => Assert.NotEqual(Run(1).StoryHash, Run(2).StoryHash);

    [Fact]
    public async Task Another_process_tells_the_same_story()
    {
        using Process process = Process.Start(new ProcessStartInfo(
            "dotnet", [Path.Combine(AppContext.BaseDirectory, "simulate.dll"), "--seed", "7"])
        { RedirectStandardOutput = true })!;
        string output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Contains($"seed 7: story {Run(7).StoryHash:x16}", output, StringComparison.Ordinal);
    }

    private static SimulationResult Run(int seed) => Simulation.Run(new SimulationOptions { Seed = seed });
}
