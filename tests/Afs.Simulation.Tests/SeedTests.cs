namespace Afs.Simulation.Tests;

/// <summary>Random faults, and the contract holds. A failure names the seed; scripts/simulate --seed N --story tells how it came.</summary>
public sealed class SeedTests
{
    private const int SeedsPerBatch = 25;
    private const int Batches = 10;

    public static TheoryData<int> FirstSeeds => [.. Enumerable.Range(0, Batches).Select(static batch => 1 + batch * SeedsPerBatch)];

    [Theory]
    [MemberData(nameof(FirstSeeds))]
    public void The_contract_holds_under_every_fault(int firstSeed)
    {
        List<string> violations = [];
        foreach (int seed in Enumerable.Range(firstSeed, SeedsPerBatch))
        {
            SimulationResult result = Simulation.Run(new SimulationOptions { Seed = seed });
            if (result.Violation is { } violation)
                violations.Add($"seed {seed}: {violation.Message}");
        }
        Assert.Empty(violations);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(26)]
    [InlineData(51)]
    [InlineData(76)]
    public void The_contract_holds_where_clients_write_behind(int firstSeed)
    {
        List<string> violations = [];
        foreach (int seed in Enumerable.Range(firstSeed, SeedsPerBatch))
        {
            SimulationResult result = Simulation.Run(new SimulationOptions { Seed = seed, WritesBehind = true });
            if (result.Violation is { } violation)
                violations.Add($"seed {seed}: {violation.Message}");
        }
        Assert.Empty(violations);
    }

    [Fact]
    public void Runs_are_full_of_answers_commits_and_deaths()
    {
        var story = new StringWriter();
        SimulationResult result = Simulation.Run(new SimulationOptions { Seed = 3, Story = story });
        Assert.Null(result.Violation);
        Assert.InRange(result.Answers, 100, int.MaxValue);
        Assert.InRange(result.Commits, 20, int.MaxValue);
        Assert.Contains("fault", story.ToString(), StringComparison.Ordinal);
    }
}
