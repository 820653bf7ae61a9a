using System.Runtime.ExceptionServices;
using Afs.Rpc;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Simulation;

/// <summary>
/// A server and its clients, real but for clock, disk and network, in one thread, from one seed: first with faults, then without, until
/// everybody agrees and nothing is missing. docs/testing/simulation.md.
/// </summary>
public sealed class Simulation
{
    private const int ApplicationsPerClient = 3, BrowserOneIn = 3;

    /// <summary>Virtual time until all is well again: reconnects, leases, retries of stores with their back-off.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    /// <summary>What was sent in bad weather still arrives, and leases that nobody kept up end.</summary>
    private static readonly TimeSpan LateFrames = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(20);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// What goes on at once goes on deeper in the stack, and where little of that is left the framework continues on the thread pool instead: then a run couldn't be repeated. How deep is far enough
    /// depends on how far the code is compiled, so the room is ample.
    /// </summary>
    private const int StackBytes = 256 << 20;

    private readonly SimulationOptions _options;
    private readonly Random _random;
    private readonly SimWorld _world;
    private readonly SimCell _cell;
    private readonly SimHost _director;
    private int _running;
    private bool _isOpen;
    private bool _isOver;

    static Simulation() => BackgroundWork.WhenFailed = FailInBackground;

    private Simulation(SimulationOptions options)
    {
        _options = options;
        _random = new Random(options.Seed);
        _world = new SimWorld(_random.Next(), options.Story);
        _cell = new SimCell(_world, _random, clients: _random.Next(2, 4), options.Bug, options.IsWide, options.WritesBehind ? new Random(~options.Seed) : null);
        _director = new SimHost(_world, "director");
    }

    /// <summary>Runs to the end, or to the first violation. Nothing in it depends on the machine, the time of day or other runs.</summary>
    public static SimulationResult Run(SimulationOptions options)
    {
        SimulationResult? result = null;
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(
            () =>
            {
                try
                {
                    result = RunHere(options);
                }
                catch (Exception e)
                {
                    failure = ExceptionDispatchInfo.Capture(e);
                }
            },
            StackBytes)
        { Name = $"simulation {options.Seed}" };
        thread.Start();
        thread.Join();
        failure?.Throw();
        return result!;
    }

    private static SimulationResult RunHere(SimulationOptions options)
    {
        var simulation = new Simulation(options);
        ViolationException? violation = null;
        try
        {
            var done = new TaskCompletionSource();
            simulation._director.Begin(() => simulation.DirectAsync(done));
            simulation._world.Run(done.Task, Limit);
        }
        catch (ViolationException e)
        {
            violation = e;
        }
        Story story = simulation._world.Story;
        ModelCounts counts = simulation._cell.Model.Counts;
        return new SimulationResult(
            options.Seed, story.Hash, simulation._world.Turns, counts.Reads + counts.Stores + counts.Lookups + counts.Statuses + counts.Changes,
            simulation._cell.History.Mutations.Count, violation);
    }

    /// <summary>What a host began ends with it, wherever it was.</summary>
    private static void FailInBackground(string name, Exception e)
    {
        if (SynchronizationContext.Current is not SimHost host)
            Environment.FailFast($"Background work failed: {name}", e);
        else if (e is not HostDiedException)
            host.World.Violated($"{host.Name}: background work failed: {name}: {e.Message}", e);
    }

    private async Task DirectAsync(TaskCompletionSource done)
    {
        try
        {
            _cell.Network.Options = Weather.Calm;
            _cell.Server.Start();
            foreach (SimClient client in _cell.Clients)
                client.Start(RunApplicationsAsync);
            await UntilAsync("all are mounted", AllAreMounted);
            await OnAsync(_cell.Clients[0], static async mount => await new NameActions(mount).CreateAsync(WorkloadOptions.Folder, FileType.Directory));
            _isOpen = true;
            var faults = new FaultDirector(_cell, RunApplicationsAsync, new Random(_random.Next()));
            await faults.RunAsync(_options.Faults);
            faults.End();
            _isOver = true;
            await SettleAsync();
            await new Finale(_cell, OnAsync, UntilAsync).RunAsync();
            done.SetResult();
        }
        catch (Exception e)
        {
            done.SetException(e);
        }
    }

    private async Task RunApplicationsAsync(SimMount mount)
    {
        WorkloadOptions options = _cell.Workload;
        while (!_isOpen)
            await Task.Delay(Look, mount.Time);
        for (int i = 0; i < ApplicationsPerClient; i++)
            mount.Host.Begin(() => new Application(mount, new Random(_random.Next()), options).RunAsync(() => _isOver));
        mount.Host.Begin(() => new Watcher(mount, new Random(_random.Next()), options).RunAsync(() => _isOver));
        if (_options.IsWide && _random.Next(BrowserOneIn) == 0)
            mount.Host.Begin(() => new Browser(mount, new Random(_random.Next())).RunAsync(() => _isOver));
    }

    private bool AllAreMounted() => _cell.Clients.All(static c => c.Manager is not null);

    /// <summary>Everybody is mounted, and nothing waits to be stored or decided.</summary>
    private async Task SettleAsync()
    {
        await Task.Delay(LateFrames, _world.Time);
        await UntilAsync("all are mounted again", AllAreMounted);
        await UntilAsync("all applications have ended", () => _cell.Clients.All(static c => c.IsIdle));
        await UntilAsync("all that is dirty is stored", () => _cell.Clients.All(static c => c.Manager is { } manager && IsQuiet(manager)));
    }

    private static bool IsQuiet(CacheManager manager) =>
        manager.ReadFigures().Where(static f => f.Name is "containers.dirty" or "stores.waiting" or "index.unwritten" or "behind.changes").All(static f => f.Value == 0)
        && manager.Containers.All(static c => c.Phase == ContainerPhase.Clean);

    private async Task UntilAsync(string what, Func<bool> isSo)
    {
        long began = _world.Time.GetTimestamp();
        while (!isSo())
        {
            if (_world.Time.GetElapsedTime(began) > Patience)
                _world.Violated($"liveness: not within {Patience}: {what}");
            await Task.Delay(Look, _world.Time);
        }
        _world.Story.Tell("director", what);
    }

    /// <summary>Lets a client do something to its end.</summary>
    private async Task OnAsync(SimClient client, Func<SimMount, Task> act)
    {
        bool isDone = false;
        _running++;
        client.Act(async mount =>
        {
            await act(mount);
            isDone = true;
        });
        await UntilAsync($"{client.Name} is done ({_running})", () => isDone);
    }
}
