using Afs.Platform;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Simulation;

/// <summary>What an application does with a file.</summary>
internal sealed class FileActions(SimMount mount, Random random, WorkloadOptions options)
{
    private const int MostSmallBytes = 2000;
    private const int LargeBytes = Limits.InlineContentBytes + 5000;
    private const int MostHeldMs = 1500;

    private readonly NameActions _names = new(mount);

    private Model Model => mount.Model;

    public async Task<Failure> StatAsync(string path)
    {
        Result<Fid> found = await FindAsync(path);
        if (!found.IsSuccess || found.Value == default)
            return found.Failure;
        long asked = Model.Now();
        Result<FetchStatus> status = await mount.Manager.Statuses.GetAsync(found.Value, default);
        if (status.IsSuccess && status.Value.LinkCount > 0)
            Model.Told(mount.Number, status.Value, asked);
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
        long asked = Model.Now();
        if (!mount.Manager.Contents.TryOpenForReading(fid, null, out IContainer container))
        {
            Result<IContainer> opened = await mount.Manager.Contents.OpenAsync(fid, forWriting: false, truncate: false, default);
            if (!opened.IsSuccess)
                return opened.Failure;
            container = opened.Value;
        }
        using (container)
        {
            SimFile file = mount.FileOf(container);
            uint first = Checksum(file);
            Model.Read(mount.Number, fid.Vnode.Value, container.BaseVersion, first, file.LengthBytes, asked);
            if (random.Next(3) == 0)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(random.Next(1, MostHeldMs)), mount.Time);
                Model.ReadAgain(mount.Number, fid.Vnode.Value, first, Checksum(file), asked);
            }
        }
        return Failure.None;
    }

    /// <summary>Opens for writing, creates where there is nothing, writes all of it anew, closes.</summary>
    public async Task<Failure> WriteAsync(string path)
    {
        Result<Fid> found = await FindAsync(path);
        if (found.IsSuccess && found.Value == default)
            found = await _names.CreateAsync(path);
        if (!found.IsSuccess)
            return found.Failure;
        Fid fid = found.Value;
        LocalFile local = Model.Local(mount.Number, fid.Vnode.Value);
        if (local.LastLocal == long.MaxValue && local.HasWriters)
            return Failure.None; // One writer at a time on a client: what two do to each other there is no business of ours.
        local.BeginWriting();
        (Failure failure, bool isStored) = await OpenAndWriteAsync(fid);
        local.EndWriting(isStored, Model.Now());
        return failure;
    }

    private async Task<(Failure Failure, bool IsStored)> OpenAndWriteAsync(Fid fid)
    {
        Result<IContainer> opened = await mount.Manager.Contents.OpenAsync(fid, forWriting: true, truncate: random.Next(2) == 0, default);
        if (!opened.IsSuccess)
            return (opened.Failure, true);
        using IContainer container = opened.Value;
        SimFile file = mount.FileOf(container);
        if (random.Next(3) == 0)
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(1, MostHeldMs)), mount.Time);
        int id = Model.NewId();
        byte[] bytes = Content(id);
        WrittenContent content = Model.AddContent(id, mount.Number, fid.Vnode.Value, Crc32C.Of(bytes));
        // The old content never shows behind the new one: nobody else could tell whose that is.
        file.SetLength(0);
        file.Write(0, bytes);
        content.WrittenAt = Model.Now();
        Failure failure = await container.StoreAsync(killSetId: false, default);
        mount.Host.Tell($"wrote {id} to {fid}, {bytes.Length} bytes over version {container.BaseVersion}: {failure}");
        if (failure.IsNone)
            Model.Stored(content);
        return (failure, failure.IsNone);
    }

    private async Task<Result<Fid>> FindAsync(string path)
    {
        Result<(Fid Directory, string Name)> at = await mount.WalkAsync(path);
        if (!at.IsSuccess)
            return at.Failure;
        Result<Fid> found = await mount.LookupAsync(at.Value.Directory, at.Value.Name);
        long asked = Model.Now();
        if (found.IsSuccess && found.Value != default && mount.Manager.Statuses.TryGet(found.Value, out FetchStatus status) && status.LinkCount > 0)
            Model.Told(mount.Number, status, asked);
        return found;
    }

    private byte[] Content(int id)
    {
        byte[] bytes = new byte[random.Next(options.LargeOneIn) == 0 ? LargeBytes : random.Next(sizeof(int), MostSmallBytes)];
        new Random(id).NextBytes(bytes);
        BitConverter.TryWriteBytes(bytes, id);
        return bytes;
    }

    private static uint Checksum(SimFile file)
    {
        byte[] bytes = new byte[file.LengthBytes];
        file.Read(0, bytes);
        return Crc32C.Of(bytes);
    }
}
