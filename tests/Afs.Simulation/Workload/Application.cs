using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Simulation;

/// <summary>A process on a client: one random operation after the other, on few names, so that everybody meets.</summary>
internal sealed class Application(SimMount mount, Random random, WorkloadOptions options)
{
    private readonly FileActions _files = new(mount, random, options);
    private readonly NameActions _names = new(mount);
    private readonly StatusActions _statuses = new(mount, random);

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
        long refusals = mount.Client.IndexRefusals;
        mount.Manager.BeginOperation();
        Failure failure = random.Next(115) switch
        {
            < 34 => await _files.ReadAsync(path),
            < 64 => await _files.WriteAsync(path),
            < 72 => await StatAsync(path),
            < 80 => await _names.ListAsync(path),
            < 85 => (await _names.CreateAsync(path)).Failure,
            < 90 => await _names.RemoveAsync(path),
            < 100 => await _names.RenameAsync(path, Pick()),
            < 105 => await _statuses.SetStatusAsync(path),
            < 110 => await _statuses.SetXattrAsync(path),
            _ => await _statuses.ListAsync(path),
        };
        Judge(path, failure, mount.Client.IndexRefusals > refusals);
    }

    /// <summary>With its xattrs, as ls -l asks for access lists.</summary>
    private async Task<Failure> StatAsync(string path)
    {
        Failure failure = await _files.StatAsync(path);
        return failure.IsNone ? await _statuses.ListAsync(path) : failure;
    }

    private string Pick() => options.Paths[random.Next(options.Paths.Count)];

    /// <summary>No disk fails in a simulation but that of an index, so nobody may be told of another.</summary>
    private void Judge(string path, Failure failure, bool hasIndexRefused)
    {
        bool isDamage = failure.Kind == FailureKind.CacheDiskFailed && !hasIndexRefused || failure.Kind == FailureKind.ContentDamaged && !mount.Client.GetsDoubledFrames
            || failure == AbortCodes.ServerDiskFailed || failure == AbortCodes.ChecksumMismatch || failure == AbortCodes.BadArgument;
        if (isDamage)
            mount.Host.World.Violated($"S4: client {mount.Number} got {failure} for {path}, though no disk failed");
        if (failure.Kind == FailureKind.CacheFull && options.CacheIsLarge)
            mount.Host.World.Violated($"client {mount.Number} has no room for {path}");
    }
}
