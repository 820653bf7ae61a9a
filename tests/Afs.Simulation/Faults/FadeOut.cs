namespace Afs.Simulation;

/// <summary>
/// A client's replies come late, then its calls don't arrive, then it hears nothing either, until after its lease as the server counts it.
/// Nothing else is done to the network meanwhile. What others write in that time waits for the end of this lease; a client that
/// trusts its cache a part of the lag too long shows old versions then.
/// </summary>
internal sealed class FadeOut(SimCell cell, Random random)
{
    /// <summary>Parts of the lease. A probe has a third of it: later replies find nobody who waits for them, and the client's clock may be fast.</summary>
    private const double LeastLag = 0.24, MostLag = 0.31;

    /// <summary>
    /// Parts of the lease: most until the client is cut off, which is how often it probes; and until both sides have let go, with the server's
    /// margin and the clocks' drift.
    /// </summary>
    private const double ProbeEvery = 1 / 3.0, BothLetGo = 1.5;

    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(1);

    /// <summary>The whole of it; what the network does to frames is afterwards as it was before.</summary>
    public async Task RunAsync(SimClient client)
    {
        MemoryNetworkOptions before = cell.Network.Options;
        cell.Network.Options = Weather.Calm;
        cell.Network.Heal();
        Tell($"{client.Name} fades out");
        await PauseAsync(Rest);
        TimeSpan lease = cell.Server.Lease;
        TimeSpan lag = lease * (LeastLag + ((MostLag - LeastLag) * random.NextDouble()));
        cell.Network.Lag(SimServer.Name, client.Name, lag);
        await PauseAsync(lease * (ProbeEvery * random.NextDouble()));
        cell.Network.Cut(client.Name, SimServer.Name);
        await PauseAsync(lag);
        cell.Network.Cut(SimServer.Name, client.Name);
        Tell($"{client.Name} is cut off");
        await PauseAsync((lease * BothLetGo) - lag + (Rest * random.NextDouble()));
        cell.Network.Heal();
        cell.Network.Options = before;
    }

    private Task PauseAsync(TimeSpan length) => Task.Delay(length, cell.World.Time);

    private void Tell(string what) => cell.World.Story.Tell("fault", what);
}
