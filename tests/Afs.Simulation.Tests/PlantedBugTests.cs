namespace Afs.Simulation.Tests;

/// <summary>
/// The simulation bites: each planted error is found, within a stated number of seeds. docs/testing/simulation.md says what each is, and how
/// many seeds it takes on the average; here it may take four times as many and more, so that a change of the order of things is no failure.
/// </summary>
public sealed class PlantedBugTests
{
    [Theory]
    [InlineData(PlantedBug.PromiseKeptAcrossBreak, 10)]
    [InlineData(PlantedBug.ReplyCacheNotDurable, 50)]
    [InlineData(PlantedBug.BreakBeforeCommit, 10)]
    [InlineData(PlantedBug.FsyncLeftOut, 50)]
    [InlineData(PlantedBug.WrongFolderSynced, 50)]
    [InlineData(PlantedBug.ContainerNameUnsynced, 150)]
    [InlineData(PlantedBug.RestartBarrierLeftOut, 200)]
    [InlineData(PlantedBug.BreakLogIgnored, 200)]
    [InlineData(PlantedBug.DirtyContainerForgotten, 200)]
    [InlineData(PlantedBug.FailedIndexChangeDropped, 50)]
    [InlineData(PlantedBug.RetryUnderNewNumber, 50)]
    [InlineData(PlantedBug.LeaseCountedFromReply, 200)]
    [InlineData(PlantedBug.StaleStatusAccepted, 400)]
    [InlineData(PlantedBug.MissingPromisesIgnored, 100)]
    [InlineData(PlantedBug.TicksIgnored, 50)]
    [InlineData(PlantedBug.MappingsUnseen, 50)]
    [InlineData(PlantedBug.ModeLost, 30)]
    [InlineData(PlantedBug.TimesConfused, 10)]
    [InlineData(PlantedBug.XattrChangedTwice, 30)]
    [InlineData(PlantedBug.XattrsNotTold, 200)]
    [InlineData(PlantedBug.ReleaseNotAwaited, 50)]
    public void It_is_found(PlantedBug bug, int withinSeeds) =>
        Assert.Contains(Enumerable.Range(1, withinSeeds), seed => Simulation.Run(new SimulationOptions { Seed = seed, Bug = bug }).Violation is not null);

    /// <summary>Where clients write behind.</summary>
    [Theory]
    [InlineData(PlantedBug.BatchRowNotDurable, 20)]
    [InlineData(PlantedBug.BatchInWrongOrder, 20)]
    [InlineData(PlantedBug.ContentLeftOut, 10)]
    [InlineData(PlantedBug.BatchBelievedSent, 20)]
    [InlineData(PlantedBug.RefusalsUntold, 50)]
    [InlineData(PlantedBug.TokenReturnedFirst, 20)]
    [InlineData(PlantedBug.TokenTakenAnyway, 20)]
    [InlineData(PlantedBug.NumbersLeasedTwice, 20)]
    [InlineData(PlantedBug.FsyncNotAwaited, 20)]
    [InlineData(PlantedBug.LogNotReplayed, 100)]
    public void It_is_found_behind(PlantedBug bug, int withinSeeds) =>
        Assert.Contains(Enumerable.Range(1, withinSeeds), seed => Simulation.Run(new SimulationOptions { Seed = seed, Bug = bug, WritesBehind = true }).Violation is not null);
}
