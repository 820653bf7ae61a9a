using Afs.Platform;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Simulation;

/// <summary>What an application does with a file.</summary>
internal sealed class FileActions(SimMount mount, Random random, WorkloadOptions options)
{
    private const int MostHeldMs = 1500;

    private readonly NameActions _names = new(mount);

    private Model Model => mount.Model;

    public async Task<Failure> StatAsync(string path)
    {
        Result<Fid> found = await FindAsync(path);
        if (!found.IsSuccess || found.Value == default)
            return found.Failure;
        Question question = mount.Ask();
        Result<FetchStatus> status = await mount.Manager.Statuses.GetAsync(found.Value, default);
        if (status.IsSuccess && status.Value.LinkCount > 0)
            Model.Told(mount.Number, status.Value, question.Since);
        else if (status.Failure == AbortCodes.NoVnode)
            Model.ToldGone(mount.Number, found.Value.Vnode.Value);
        return status.Failure;
    }

    /// <summary>Opens, reads, holds it for a while, reads again, closes.</summary>
    public async Task<Failure> ReadAsync(string path)
    {
        Result<Fid> found = await FindAsync(path);
        if (!found.IsSuccess || found.Value == default)
            return found.Failure;
        Fid fid = found.Value;
        Question question = mount.Ask();
        if (!mount.Manager.Contents.TryOpenForReading(fid, null, out IContainer container))
        {
            Result<IContainer> opened = await mount.Manager.Contents.OpenAsync(fid, forWriting: false, truncate: false, default);
            if (!opened.IsSuccess)
                return opened.Failure;
            container = opened.Value;
        }
        using (container)
        {
            if (container.Arrival is { IsComplete: false } arrival && await ReadArrivingAsync(container, arrival) is { IsNone: false } failure)
                return failure;
            SimFile file = mount.FileOf(container);
            uint first = Checksum(file);
            if (!mount.IsWritten(container))
                Model.Read(mount.Number, fid.Vnode.Value, container.BaseVersion, first, file.LengthBytes, question);
            if (random.Next(3) == 0)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(random.Next(1, MostHeldMs)), mount.Time);
                Model.ReadAgain(mount.Number, fid.Vnode.Value, first, Checksum(file), question.Asked);
            }
        }
        return Failure.None;
    }

    /// <summary>Opens for writing, creates where there is nothing, writes and closes, and maybe once more.</summary>
    public async Task<Failure> WriteAsync(string path)
    {
        Result<Fid> found = await FindAsync(path);
        if (found.IsSuccess && found.Value == default)
            found = await _names.CreateAsync(path);
        if (!found.IsSuccess)
            return found.Failure;
        LocalFile local = Model.Local(mount.Number, found.Value.Vnode.Value);
        if (local.LastLocal == long.MaxValue && local.HasWriters)
            return Failure.None; // One writer at a time on a client: what two do to each other there is no business of ours.
        local.BeginWriting();
        (Failure failure, bool? isStored) = await new FileWriter(mount, random, options, found.Value, local).RunAsync();
        local.EndWriting(isStored, Model.Now());
        return failure;
    }

    private async Task<Result<Fid>> FindAsync(string path)
    {
        Result<(Fid Directory, string Name)> at = await mount.WalkAsync(path);
        if (!at.IsSuccess)
            return at.Failure;
        Result<Fid> found = await mount.LookupAsync(at.Value.Directory, at.Value.Name);
        Question question = mount.Ask();
        if (found.IsSuccess && found.Value != default && mount.Manager.Statuses.TryGet(found.Value, out FetchStatus status) && status.LinkCount > 0)
            Model.Told(mount.Number, status, question.Since);
        return found;
    }

    private static uint Checksum(SimFile file) => Crc32C.Of(file.ReadAll());

    /// <summary>A large file is read from its beginning while it arrives.</summary>
    private async Task<Failure> ReadArrivingAsync(IContainer container, IArrival arrival)
    {
        SimFile file = mount.FileOf(container);
        byte[] beginning = new byte[random.Next(1, (int)file.LengthBytes)];
        Failure failure = await arrival.WaitAsync(beginning.Length, default);
        if (!failure.IsNone)
            return failure;
        file.Read(0, beginning);
        failure = await arrival.WaitAsync(long.MaxValue, default);
        if (failure.IsNone && !file.ReadAll().AsSpan(0, beginning.Length).SequenceEqual(beginning))
            mount.Host.World.Violated($"S2: {container.Fid} changed under a reader of client {mount.Number} while it arrived");
        return failure;
    }
}
