namespace Afs.Simulation.Tests;

/// <summary>The simulation bites: each planted error is found, within a stated number of seeds. docs/testing/simulation.md says what each is.</summary>
public sealed class PlantedBugTests
{
    [Theory]
    [InlineData(PlantedBug.PromiseKeptAcrossBreak, 3)]
    [InlineData(PlantedBug.ReplyCacheNotDurable, 10)]
    [InlineData(PlantedBug.BreakBeforeCommit, 5)]
    [InlineData(PlantedBug.FsyncLeftOut, 10)]
    [InlineData(PlantedBug.RestartBarrierLeftOut, 50)]
    [InlineData(PlantedBug.BreakLogIgnored, 50)]
    [InlineData(PlantedBug.DirtyContainerForgotten, 50)]
    [InlineData(PlantedBug.RetryUnderNewNumber, 10)]
    [InlineData(PlantedBug.LeaseCountedFromReply, 50)]
    [InlineData(PlantedBug.StaleStatusAccepted, 50)]
    public void It_is_found(PlantedBug bug, int withinSeeds) =>
        Assert.Contains(Enumerable.Range(1, withinSeeds), seed => Simulation.Run(new SimulationOptions { Seed = seed, Bug = bug }).Violation is not null);
}
