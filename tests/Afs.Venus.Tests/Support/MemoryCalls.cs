using Afs.Rpc;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>The service itself: reads under one turn, each with its promise registered in the same turn. Mutations are in the other part.</summary>
internal sealed partial class MemoryCalls(MemoryVolume volume, MemoryVice client)
{
    public Outcome<ProbeReply> Probe() => new ProbeReply();

    public Outcome<GetVolumeReply> GetVolume() => new GetVolumeReply { Root = volume.Top, Version = new(volume.Version), Incarnation = volume.Incarnation };

    public Outcome<GetVolumeStatusReply> GetVolumeStatus() => new GetVolumeStatusReply { TotalBytes = 1000, FreeBytes = volume.FreeBytes, Vnodes = 1 };

    public Outcome<GiveUpPromisesReply> GiveUp(GiveUpPromisesRequest request) => volume.Read(v =>
    {
        foreach (Fid fid in request.Fids)
            v.GiveUp(fid, client);
        return new GiveUpPromisesReply();
    });

    public Outcome<EndSessionReply> EndSession()
    {
        volume.Forget(client);
        return new EndSessionReply();
    }

    public Outcome<FetchStatusReply> FetchStatus(FetchStatusRequest request, int most) => volume.Read(v => new FetchStatusReply
    {
        Statuses = [.. request.Fids.Take(most).Select(fid => Promised(v, fid))],
        VolumeVersion = new(v.Version),
    });

    public Outcome<ValidateReply> Validate(ValidateRequest request) => volume.Read(v =>
    {
        byte[] valid = new byte[(request.Entries.Count + 7) / 8];
        for (int i = 0; i < request.Entries.Count; i++)
        {
            CachedVersion entry = request.Entries[i];
            var fid = new Fid(request.Volume, entry.Vnode, entry.Uniquifier);
            if (v.Find(fid)?.Status.StatusVersion != entry.StatusVersion)
                continue;
            v.Promise(fid, client);
            valid[i / 8] |= (byte)(1 << i % 8);
        }
        return new ValidateReply { Valid = valid, VolumeVersion = new(v.Version) };
    });

    public Outcome<FetchDirectoryReply> FetchDirectory(FetchDirectoryRequest request) => volume.Read<Outcome<FetchDirectoryReply>>(v =>
    {
        if (v.Find(request.Directory) is not { } directory)
            return AbortCodes.NoVnode;
        if (directory.Status.Type != FileType.Directory)
            return AbortCodes.NotADirectory;
        FetchStatus status = Promised(v, request.Directory)!;
        if (request.Have != DataVersion.None && Delta(directory, request.Have) is { } changes)
            return new FetchDirectoryReply { Status = status, IsDelta = true, Entries = [], Changes = changes };
        string after = request.After is null ? "" : MemoryVolume.Text(request.After);
        var rest = directory.Names.Where(n => string.CompareOrdinal(n.Key, after) > 0).ToList();
        return new FetchDirectoryReply
        {
            Status = status,
            IsDelta = false,
            HasMore = rest.Count > Math.Min(PageEntries, request.MostEntries),
            Entries =
            [
                .. rest.Take(Math.Min(PageEntries, request.MostEntries)).Select(n => new DirectoryEntry
                {
                    Name = MemoryVice.Name(n.Key),
                    Fid = n.Value.Fid,
                    Type = n.Value.Type,
                    Status = request.WithStatus ? Promised(v, n.Value.Fid) : null,
                }),
            ],
            Changes = [],
        };
    });

    /// <summary>Small, so that tests see pages.</summary>
    public static int PageEntries { get; } = 16;

    /// <summary>How far back changes of a directory are known.</summary>
    public static int ChangesKept { get; } = 8;

    public Outcome<FetchDataReply> FetchData(FetchDataRequest request) => volume.Read<Outcome<FetchDataReply>>(v =>
    {
        if (v.Find(request.Fid) is not { } vnode)
            return AbortCodes.NoVnode;
        if (vnode.Status.Type != FileType.Regular)
            return AbortCodes.BadArgument;
        bool unchanged = request.Have == vnode.Status.DataVersion;
        return new FetchDataReply
        {
            Status = Promised(v, request.Fid)!,
            IsUnchanged = unchanged,
            Content = !unchanged && vnode.Content.Length <= Limits.InlineContentBytes ? vnode.Content : null,
        };
    });

    public Outcome<byte[]> Download(DownloadRequest request) => volume.Read<Outcome<byte[]>>(v =>
        v.Find(request.Fid) is { } vnode && vnode.Status.DataVersion == request.DataVersion ? vnode.Content : AbortCodes.VersionGone);

    public Outcome<FetchXattrsReply> FetchXattrs(FetchXattrsRequest request) => volume.Read<Outcome<FetchXattrsReply>>(v => v.Find(request.Fid) is { } vnode
        ? new FetchXattrsReply
        {
            Status = Promised(v, request.Fid)!,
            Xattrs = [.. vnode.Xattrs.Select(x => new Xattr { Name = MemoryVice.Name(x.Key), Value = x.Value })],
        }
        : AbortCodes.NoVnode);

    private FetchStatus? Promised(MemoryVolume v, Fid fid)
    {
        if (v.Find(fid) is not { } vnode)
            return null;
        v.Promise(fid, client);
        return vnode.Status;
    }

    private static List<DirectoryChange>? Delta(MemoryVnode directory, DataVersion have)
    {
        ulong now = directory.Status.DataVersion.Value;
        if (have.Value > now || now - have.Value > (ulong)ChangesKept)
            return null;
        return [.. directory.Changes.Where(c => c.Key > have.Value).SelectMany(c => c.Value)];
    }
}
