using Afs.Venus.Cache;
using Afs.Vice.Salvage;
using Afs.Wire;

namespace Afs.Simulation;

/// <summary>After the faults: all clients see what the server has, also after it was switched off once more, and the model is asked for the last time.</summary>
internal sealed class Finale(SimCell cell, Func<SimClient, Func<SimMount, Task>, Task> onClient, Func<string, Func<bool>, Task> until)
{
    public async Task RunAsync()
    {
        await ReadAllAsync();
        new LastJudgement(cell.World, cell.Model).Judge(cell.Clients);
        await WriteEverywhereAsync();
        cell.Server.Die(losesPower: true, tellPeers: true);
        SalvageReport report = await cell.Server.SalvageAsync(new SimHost(cell.World, "salvager"));
        foreach (Problem problem in report.Problems)
            cell.World.Violated($"S7: salvage found {problem.Kind}: {problem.Where}");
        cell.Server.Start();
        await until("the server is back", () => cell.Server.IsUp);
        await ReadAllAsync();
    }

    private async Task ReadAllAsync()
    {
        foreach (SimClient client in cell.Clients)
            await onClient(client, ReadAllAsync);
    }

    private async Task ReadAllAsync(SimMount mount)
    {
        var files = new FileActions(mount, new Random(0), cell.Workload);
        foreach (string path in cell.Workload.Paths)
        {
            Require(mount, path, await new NameActions(mount).ListAsync(path));
            Require(mount, path, await files.StatAsync(path));
            Require(mount, path, await files.ReadAsync(path));
        }
        foreach (ulong directory in cell.History.Directories.ToArray())
            await CompareAsync(mount, directory);
    }

    /// <summary>Now that nothing changes there is one right answer.</summary>
    private async Task CompareAsync(SimMount mount, ulong directory)
    {
        Fid parent = cell.History.Status(directory).Fid;
        foreach ((string name, ulong vnode) in cell.History.Current(directory))
        {
            Result<Fid> found = await mount.LookupAsync(parent, name);
            if (!found.IsSuccess || found.Value.Vnode.Value != vnode)
                cell.World.Violated($"S3: client {mount.Number} finds {found.Failure} for {name}, where the server has {vnode}");
            else
                await CompareStatusAsync(mount, found.Value);
            if (found.IsSuccess && cell.History.Status(vnode).Type == FileType.Regular)
                await CompareContentAsync(mount, found.Value);
        }
    }

    private async Task CompareStatusAsync(SimMount mount, Fid fid)
    {
        Result<FetchStatus> status = await mount.Manager.Statuses.GetAsync(fid, default);
        Require(mount, fid.ToString(), status.Failure);
        VnodeState current = cell.History.Statuses.Current(fid.Vnode.Value);
        if (status.IsSuccess && !current.IsToldBy(status.Value))
            cell.World.Violated($"S3: client {mount.Number} has another status of {fid} than the server: {status.Value}, and not {current.Status}");
        Result<IReadOnlyList<Xattr>> xattrs = await mount.Manager.Operations.GetXattrsAsync(fid, default);
        Require(mount, fid.ToString(), xattrs.Failure);
        var known = current.Xattrs.Select(static x => x.Key + x.Value).Order(StringComparer.Ordinal);
        if (xattrs.IsSuccess && !xattrs.Value.Select(static x => Convert.ToHexString(x.Name) + Convert.ToHexString(x.Value)).Order(StringComparer.Ordinal).SequenceEqual(known))
            cell.World.Violated($"S3: client {mount.Number} has other xattrs of {fid} than the server");
    }

    private async Task CompareContentAsync(SimMount mount, Fid fid)
    {
        Result<IContainer> opened = await mount.Manager.Contents.OpenAsync(fid, forWriting: false, truncate: false, default);
        Require(mount, fid.ToString(), opened.Failure);
        if (!opened.IsSuccess)
            return;
        using IContainer container = opened.Value;
        if (container.Arrival is { } arrival)
            Require(mount, fid.ToString(), await arrival.WaitAsync(long.MaxValue, default));
        if (Afs.Platform.Crc32C.Of(mount.FileOf(container).ReadAll()) != cell.History.Status(fid.Vnode.Value).ContentCrc32C)
            cell.World.Violated($"S3: client {mount.Number} has another content of {fid} than the server");
    }

    /// <summary>Each client stores something, and all others read it at once. By no mapping: what one writes is there some seconds later.</summary>
    private async Task WriteEverywhereAsync()
    {
        foreach (SimClient client in cell.Clients)
        {
            await onClient(client, async mount => Require(mount, "a", await new FileActions(mount, new Random(client.Number), cell.Workload with { MapOneIn = 0 }).WriteAsync("a")));
            await ReadAllAsync();
        }
    }

    private void Require(SimMount mount, string what, Failure failure)
    {
        if (!failure.IsNone)
            cell.World.Violated($"liveness: client {mount.Number} can't use {what}, though all is well: {failure}; {Figures(mount)}");
    }

    private static string Figures(SimMount mount) =>
        string.Join(", ", mount.Manager.ReadFigures().Where(static f => f.Name.StartsWith("containers", StringComparison.Ordinal)).Select(static f => $"{f.Name} {f.Value}"));
}
