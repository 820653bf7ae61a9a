namespace Afs.Simulation.Tests;

/// <summary>What a client sent on a connection that it has long given up comes after what it sent on the next.</summary>
public sealed class LateHelloTests
{
    /// <summary>The server waits for a Hello a little longer.</summary>
    private static readonly TimeSpan Lag = TimeSpan.FromSeconds(1.5);
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(100), Long = TimeSpan.FromSeconds(20), Limit = TimeSpan.FromMinutes(1);

    /// <summary>A client is killed and comes back; the Hello of the life before is later than the session of this one. Also where the network doubles and reorders.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_hello_of_an_earlier_attempt_ends_no_live_session(bool doubles)
    {
        for (int seed = 1; seed <= 10; seed++)
        {
            string story = Run(seed, doubles);
            Assert.Contains("is mounted", story, StringComparison.Ordinal);
            Assert.Single(story.Split('\n'), static line => line.Contains("new: True", StringComparison.Ordinal));
            Assert.DoesNotContain("suspect", story, StringComparison.Ordinal);
        }
    }

    private static string Run(int seed, bool doubles)
    {
        var story = new StringWriter();
        var world = new SimWorld(seed, story);
        var cell = new SimCell(world, new Random(seed), clients: 1, PlantedBug.None);
        var director = new SimHost(world, "director");
        var done = new TaskCompletionSource();
        cell.Network.Options = Weather.Calm with { DuplicateProbability = doubles ? 0.5 : 0, Reorders = doubles };
        director.Begin(async () =>
        {
            cell.Server.Start();
            await Task.Delay(Moment, world.Time);
            cell.Network.Lag("venus1", SimServer.Name, Lag);
            cell.Clients[0].Start(null);
            await Task.Delay(Moment, world.Time);
            cell.Clients[0].Die(losesPower: false, tellPeers: false);
            cell.Network.Heal();
            cell.Clients[0].Start(null);
            await Task.Delay(Long, world.Time);
            done.SetResult();
        });
        world.Run(done.Task, Limit);
        return story.ToString();
    }
}
