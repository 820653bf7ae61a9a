namespace Afs.Simulation;

/// <summary>Lets things go wrong, one after the other. Each run has its own taste: some faults come often in it, and some never.</summary>
internal sealed class FaultDirector(SimCell cell, Func<SimMount, Task> applications, Random random)
{
    private const int MostTaste = 4;
    private const int MostPauseMs = 1500;
    private const int MostSteps = 60;
    private const int MostSuspendMs = 8000;
    private const int MostLagMs = 6000;
    private const int MostFullMs = 5000;

    private readonly int[] _taste = [.. Enum.GetValues<FaultKind>().Select(_ => random.Next(MostTaste))];

    public async Task RunAsync(TimeSpan duration)
    {
        TimeProvider time = cell.World.Time;
        long began = time.GetTimestamp();
        while (time.GetElapsedTime(began) < duration)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(1, MostPauseMs)), time);
            RestartSome();
            await CauseAsync(Draw());
        }
    }

    /// <summary>Nothing goes wrong any more, and everybody is there.</summary>
    public void End()
    {
        Tell("no more faults");
        cell.Network.Options = Weather.Calm;
        cell.Network.Heal();
        cell.Server.Disk.IsFull = false;
        foreach (SimClient client in cell.Clients)
            (client.Disk.IsFull, client.IsIndexFailing, client.IsSlow) = (false, false, false);
        foreach (SimHost host in Hosts())
        {
            host.DieAtStep(long.MaxValue, static () => { });
            host.Resume();
        }
        if (!cell.Server.IsUp)
            cell.Server.Start();
        foreach (SimClient client in cell.Clients.Where(static c => !c.IsUp))
            client.Start(applications);
    }

    private IEnumerable<SimHost> Hosts() =>
        cell.Clients.Select(static c => c.Host!).Append(cell.Server.Host!).Where(static h => !h.IsDead);

    private void RestartSome()
    {
        if (!cell.Server.IsUp && random.Next(3) > 0)
            cell.Server.Start();
        foreach (SimClient client in cell.Clients.Where(static c => !c.IsUp))
        {
            if (random.Next(3) > 0)
                client.Start(applications);
        }
    }

    private FaultKind Draw()
    {
        int total = _taste.Sum();
        int drawn = random.Next(Math.Max(1, total));
        for (int kind = 0; kind < _taste.Length; kind++)
        {
            drawn -= _taste[kind];
            if (drawn < 0)
                return (FaultKind)kind;
        }
        return FaultKind.Calm;
    }

    private async Task CauseAsync(FaultKind fault)
    {
        SimClient client = cell.Clients[random.Next(cell.Clients.Count)];
        bool losesPower = random.Next(2) == 0, tellsPeers = random.Next(2) == 0;
        switch (fault)
        {
            case FaultKind.CutOneWay:
                (string from, string to) = Way(client);
                Tell($"nothing goes from {from} to {to}");
                cell.Network.Cut(from, to);
                break;
            case FaultKind.CutBothWays:
                Tell($"{client.Name} is cut off");
                cell.Network.CutBothWays(client.Name, SimServer.Name);
                break;
            case FaultKind.Heal:
                Tell("all cuts heal");
                cell.Network.Heal();
                break;
            case FaultKind.Lag:
                Lag(client);
                break;
            case FaultKind.KillServer:
                cell.Server.Die(losesPower, tellsPeers);
                break;
            case FaultKind.KillServerAtStep when cell.Server.IsUp:
                cell.Server.Host!.DieAtStep(random.Next(1, MostSteps), () => cell.Server.Die(losesPower, tellsPeers));
                break;
            case FaultKind.KillClient:
                client.Die(losesPower, tellsPeers);
                break;
            case FaultKind.KillClientAtStep when client.IsUp:
                client.Host!.DieAtStep(random.Next(1, MostSteps), () => client.Die(losesPower, tellsPeers));
                break;
            case FaultKind.BounceServer when cell.Server.IsUp:
                Tell($"{client.Name} is cut off, and the server restarts");
                cell.Network.CutBothWays(client.Name, SimServer.Name);
                cell.Server.Die(losesPower, tellPeers: true);
                cell.Server.Start();
                break;
            case FaultKind.FadeOut:
                await new FadeOut(cell, random).RunAsync(client);
                break;
            case FaultKind.SuspendClient when client.IsUp:
                Suspend(client.Host!);
                break;
            case FaultKind.SuspendServer when cell.Server.IsUp:
                Suspend(cell.Server.Host!);
                break;
            case FaultKind.FillServerDisk:
                Fill(SimServer.Name, cell.Server.Disk);
                break;
            case FaultKind.FillClientDisk:
                Fill(client.Name, client.Disk);
                break;
            case FaultKind.FailClientIndex:
                FailIndex(client);
                break;
            case FaultKind.Weather:
                cell.Network.Options = Weather.Draw(random);
                cell.DoublesFrames |= cell.Network.Options.DuplicateProbability > 0;
                Tell($"weather: {cell.Network.Options}");
                break;
            case FaultKind.Calm:
                cell.Network.Options = Weather.Calm;
                break;
        }
    }

    private (string From, string To) Way(SimClient client) =>
        random.Next(2) == 0 ? (client.Name, SimServer.Name) : (SimServer.Name, client.Name);

    private void Lag(SimClient client)
    {
        (string from, string to) = Way(client);
        TimeSpan by = TimeSpan.FromMilliseconds(random.Next(1, MostLagMs));
        Tell($"what goes from {from} to {to} takes {by.TotalSeconds} s more");
        cell.Network.Lag(from, to, by);
    }

    private void Fill(string name, SimDisk disk)
    {
        TimeSpan length = TimeSpan.FromMilliseconds(random.Next(1, MostFullMs));
        Tell($"the disk of {name} is full for {length.TotalSeconds} s");
        disk.IsFull = true;
        _ = EmptyAsync(disk, length);
    }

    private void FailIndex(SimClient client)
    {
        TimeSpan length = TimeSpan.FromMilliseconds(random.Next(1, MostFullMs));
        Tell($"the index of {client.Name} can't be written for {length.TotalSeconds} s");
        client.IsIndexFailing = true;
        _ = MendIndexAsync(client, length);
    }

    private async Task MendIndexAsync(SimClient client, TimeSpan after)
    {
        await Task.Delay(after, cell.World.Time);
        client.IsIndexFailing = false;
    }

    private async Task EmptyAsync(SimDisk disk, TimeSpan after)
    {
        await Task.Delay(after, cell.World.Time);
        disk.IsFull = false;
    }

    private void Suspend(SimHost host)
    {
        TimeSpan length = TimeSpan.FromMilliseconds(random.Next(1, MostSuspendMs));
        Tell($"{host.Name} sleeps for {length.TotalSeconds} s");
        host.Suspend();
        _ = ResumeAsync(host, length);
    }

    private async Task ResumeAsync(SimHost host, TimeSpan after)
    {
        await Task.Delay(after, cell.World.Time);
        host.Resume();
    }

    private void Tell(string what) => cell.World.Story.Tell("fault", what);
}
