using Afs.Platform;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Simulation;

/// <summary>An application with a file open for writing. It writes in pieces, anew or in place, and goes on after a close of a doubled descriptor.</summary>
internal sealed class FileWriter(SimMount mount, Random random, WorkloadOptions options, Fid fid, LocalFile local)
{
    private const int MostPieces = 3, MostPauseMs = 1500, PauseOneIn = 4;
    private const int AgainOneIn = 5, SyncOneIn = 5, MostMappedMs = 12_000;
    private const int MostPatchBytes = 100;

    private Model Model => mount.Model;

    public async Task<(Failure Failure, bool? IsStored)> RunAsync()
    {
        bool truncates = random.Next(2) == 0;
        long cutBefore = local.CutAt;
        if (truncates)
            local.CutAt = Model.Now(); // A crash from here on may find it empty.
        Result<IContainer> opened = await mount.Manager.Contents.OpenAsync(fid, forWriting: true, truncates, default);
        if (!opened.IsSuccess)
        {
            local.CutAt = cutBefore;
            return (opened.Failure, null);
        }
        IContainer container = opened.Value;
        SimFile file = mount.FileOf(container);
        mount.Host.Tell($"opened {fid} to write, truncates: {truncates}");
        Failure failure;
        do
        {
            await PauseAsync();
            failure = await WriteAndStoreAsync(container);
        }
        while (random.Next(AgainOneIn) == 0);
        bool maps = failure.IsNone && file.LengthBytes > sizeof(int) && options.MapOneIn > 0 && random.Next(options.MapOneIn) == 0;
        if (maps)
            file.Inode.Mappings.Add(mount.Host);
        ulong @base = container.BaseVersion.Value;
        mount.Kernel.Release(container);
        if (maps)
            await WriteMappedAsync(file, @base);
        return (failure, failure.IsNone && !maps);
    }

    /// <summary>After the last close. Nobody is told that it is stored; it must be, all the same.</summary>
    private async Task WriteMappedAsync(SimFile file, ulong @base)
    {
        mount.Host.Tell($"goes on with a mapping of {fid}");
        for (int stores = random.Next(1, MostPieces + 1); stores > 0; stores--)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(1, MostMappedMs)), mount.Time);
            byte[] before = file.ReadAll();
            if (before.Length <= sizeof(int))
                break;
            int id = Model.NewId();
            (byte[] bytes, int from, int to) = Patch(before, id);
            WrittenContent content = Model.AddContent(id, mount.Number, fid.Vnode.Value, Crc32C.Of(bytes), @base);
            content.IsClosed = true;
            local.CutAt = Model.Now();
            file.WriteMapped(from, bytes.AsSpan(from, to - from));
            content.WrittenAt = Model.Now();
        }
        file.Inode.Mappings.Remove(mount.Host);
        mount.Host.Tell($"unmaps {fid}");
    }

    private async Task<Failure> WriteAndStoreAsync(IContainer container)
    {
        SimFile file = mount.FileOf(container);
        int id = Model.NewId();
        byte[] before = file.ReadAll();
        (byte[] bytes, int from, int to) = before.Length > sizeof(int) && random.Next(options.PatchOneIn) == 0 ? Patch(before, id) : Anew(id);
        WrittenContent content = Model.AddContent(id, mount.Number, fid.Vnode.Value, Crc32C.Of(bytes), container.BaseVersion.Value);
        local.CutAt = Model.Now();
        byte[] behind = before;
        if (from == 0)
        {
            file.SetLength(0); // The old content never shows behind the new one: nobody else could tell whose that is.
            behind = [];
        }
        for (int pieces = random.Next(1, MostPieces + 1); pieces > 1 && to - from > 1; pieces--)
        {
            int end = random.Next(from + 1, to);
            Model.AddHalf(content, Crc32C.Of([.. bytes[..end], .. behind.AsSpan(Math.Min(end, behind.Length))]));
            file.Write(from, bytes.AsSpan(from, end - from));
            from = end;
            await PauseAsync();
        }
        file.Write(from, bytes.AsSpan(from, to - from));
        content.WrittenAt = Model.Now();
        content.IsClosed = true;
        Failure failure = await container.StoreAsync(default);
        mount.Host.Tell($"wrote {id} to {fid}, {bytes.Length} bytes over version {content.Base}: {failure.Kind} {failure.Abort}");
        if (failure.IsNone)
            Model.Stored(content);
        if (mount.Client.Behind is not null && random.Next(SyncOneIn) == 0)
            await SyncAsync();
        return failure;
    }

    private async Task SyncAsync()
    {
        long asked = Model.Now();
        Failure failure = mount.Client.FsyncWaits ? await mount.Manager.Operations.SyncAsync(fid, default) : Failure.None;
        mount.Host.Tell($"fsync: {failure}");
        if (failure.IsNone)
            Model.Synced(mount.Number, asked);
    }

    private async Task PauseAsync()
    {
        if (random.Next(PauseOneIn) == 0)
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(1, MostPauseMs)), mount.Time);
    }

    private (byte[] Bytes, int From, int To) Anew(int id)
    {
        byte[] bytes = new byte[options.DrawLengthBytes(random)];
        new Random(id).NextBytes(bytes);
        BitConverter.TryWriteBytes(bytes, id);
        return (bytes, 0, bytes.Length);
    }

    /// <summary>A few bytes somewhere in the middle, other ones each time.</summary>
    private (byte[] Bytes, int From, int To) Patch(byte[] before, int id)
    {
        byte[] bytes = [.. before];
        int from = random.Next(1, bytes.Length - sizeof(int) + 1), count = Math.Min(bytes.Length - from, random.Next(sizeof(int), MostPatchBytes));
        new Random(id).NextBytes(bytes.AsSpan(from, count));
        BitConverter.TryWriteBytes(bytes.AsSpan(from), id);
        return (bytes, from, from + count);
    }
}
