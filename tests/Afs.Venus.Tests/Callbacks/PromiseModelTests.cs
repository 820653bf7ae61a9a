namespace Afs.Venus.Tests;

/// <summary>Explores <see cref="PromiseModel"/> breadth first.</summary>
public class PromiseModelTests(ITestOutputHelper output)
{
    private const int MostStates = 1_000_000;

    [Fact]
    public void EveryReachableState_IsSafe()
    {
        (int states, PromiseModel? unsafeState) = Explore(PlantedBug.None);
        output.WriteLine($"{states} states");
        Assert.Null(unsafeState);
        Assert.InRange(states, 10_000, MostStates - 1);
    }

    [Theory]
    [InlineData(PlantedBug.GrantAcrossABreak)]
    [InlineData(PlantedBug.LeaseCountedFromTheReply)]
    [InlineData(PlantedBug.AcknowledgeBeforeMarking)]
    [InlineData(PlantedBug.IgnoreTheResetCount)]
    [InlineData(PlantedBug.BelieveWithoutPromises)]
    public void APlantedBug_IsFound(PlantedBug bug) => Assert.NotNull(Explore(bug).Unsafe);

    private static (int States, PromiseModel? Unsafe) Explore(PlantedBug bug)
    {
        var seen = new HashSet<PromiseModel> { PromiseModel.Start };
        var queue = new Queue<PromiseModel>(seen);
        while (queue.TryDequeue(out PromiseModel state))
        {
            if (!state.IsSafe)
                return (seen.Count, state);
            foreach (PromiseModel next in state.Next(bug))
            {
                if (next.Breaks <= 3 && next.Generation <= 4 && seen.Add(next))
                    queue.Enqueue(next);
            }
            Assert.True(seen.Count < MostStates, "The model is larger than it should be.");
        }
        return (seen.Count, null);
    }
}
