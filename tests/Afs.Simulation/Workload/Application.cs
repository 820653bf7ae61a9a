using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Simulation;

/// <summary>A process on a client: one random operation after the other, on few names, so that everybody meets.</summary>
internal sealed class Application(SimMount mount, Random random, WorkloadOptions options)
{
    private readonly FileActions _files = new(mount, random, options);
    private readonly NameActions _names = new(mount);

    /// <summary>Until the host dies or the workload ends.</summary>
    public async Task RunAsync(Func<bool> isOver)
    {
        mount.Applications++;
        while (!isOver())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(1, options.MostPauseMs)), mount.Time);
            await ActAsync();
        }
        mount.Applications--;
    }

    private async Task ActAsync()
    {
        string path = Pick();
        Failure failure = random.Next(100) switch
        {
            < 34 => await _files.ReadAsync(path),
            < 64 => await _files.WriteAsync(path),
            < 72 => await _files.StatAsync(path),
            < 80 => await _names.ListAsync(path),
            < 85 => (await _names.CreateAsync(path)).Failure,
            < 90 => await _names.RemoveAsync(path),
            _ => await _names.RenameAsync(path, Pick()),
        };
        Judge(path, failure);
    }

    private string Pick() => options.Paths[random.Next(options.Paths.Count)];

    /// <summary>No disk fails in a simulation, so nobody may be told of one.</summary>
    private void Judge(string path, Failure failure)
    {
        bool isDamage = failure.Kind == FailureKind.CacheDiskFailed || failure.Kind == FailureKind.ContentDamaged && !mount.Client.GetsDoubledFrames
            || failure == AbortCodes.ServerDiskFailed || failure == AbortCodes.ChecksumMismatch || failure == AbortCodes.BadArgument;
        if (isDamage)
            mount.Host.World.Violated($"S4: client {mount.Number} got {failure} for {path}, though no disk failed");
        if (failure.Kind == FailureKind.CacheFull && options.CacheIsLarge)
            mount.Host.World.Violated($"client {mount.Number} has no room for {path}");
    }
}
