using Afs.Rpc;
using Afs.Vice.Callbacks;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Vice.Service;

/// <summary>Statuses, one or thousands, and what belongs to them.</summary>
internal sealed class StatusReads(IMetadataStore metadata, Promises promises)
{
    /// <summary>What symlinks' targets may add to a reply, so that it fits a frame. A thousand symlinks of the usual kind have a twentieth of it.</summary>
    private const int MostTargetBytes = 1024 * 1024;

    public Outcome<FetchStatusReply> FetchStatus(ClientSession session, FetchStatusRequest request)
    {
        promises.Grant(session, request.Fids);
        using IMetadataView view = metadata.OpenView();
        if (view.FindVolume(request.Fids[0].Volume) is not { } volume)
            return NoVolume(session, request.Fids);
        var statuses = new FetchStatus?[request.Fids.Count];
        int targetBytes = 0;
        for (int i = 0; i < statuses.Length; i++)
        {
            statuses[i] = Find(view, request.Fids[i]);
            if (statuses[i] is null)
                promises.GiveUp(session, [request.Fids[i]]);
            targetBytes += statuses[i]?.SymlinkTarget?.Length ?? 0;
        }
        if (targetBytes > MostTargetBytes)
            return AbortCodes.BadArgument;
        return new FetchStatusReply { Statuses = statuses, VolumeVersion = volume.Version };
    }

    public Outcome<FetchXattrsReply> FetchXattrs(ClientSession session, FetchXattrsRequest request)
    {
        promises.Grant(session, request.Fid);
        using IMetadataView view = metadata.OpenView();
        if (Find(view, request.Fid) is not { } status)
            return Missing(view, session, promises, request.Fid);
        return new FetchXattrsReply { Status = status, Xattrs = view.ReadXattrs(request.Fid.Volume, request.Fid.Vnode) };
    }

    public Outcome<ValidateReply> Validate(ClientSession session, ValidateRequest request)
    {
        promises.Grant(session, request.Entries.Select(entry => FidOf(request, entry)));
        using IMetadataView view = metadata.OpenView();
        if (view.FindVolume(request.Volume) is not { } volume)
            return AbortCodes.NoVolume;
        bool allHold = request.VolumeVersion != default && request.VolumeVersion == volume.Version;
        byte[] valid = new byte[(request.Entries.Count + 7) / 8];
        for (int i = 0; i < request.Entries.Count; i++)
        {
            if (allHold || Holds(view, session, request, request.Entries[i]))
                valid[i / 8] |= (byte)(1 << i % 8);
        }
        return new ValidateReply { Valid = valid, VolumeVersion = volume.Version };
    }

    /// <summary>Null: no such vnode in this view.</summary>
    public static FetchStatus? Find(IMetadataView view, Fid fid) =>
        view.FindVnode(fid.Volume, fid.Vnode) is { } status && status.Fid == fid ? status : null;

    /// <summary>Why not, and nobody need be told when it changes.</summary>
    public static AbortCode Missing(IMetadataView view, ClientSession session, Promises promises, Fid fid)
    {
        promises.GiveUp(session, [fid]);
        return view.FindVolume(fid.Volume) is null ? AbortCodes.NoVolume : AbortCodes.NoVnode;
    }

    /// <summary>One that changed keeps the promise made here: another call of this client may have been given it meanwhile, with the status of now.</summary>
    private bool Holds(IMetadataView view, ClientSession session, ValidateRequest request, CachedVersion entry)
    {
        FetchStatus? status = Find(view, FidOf(request, entry));
        if (status is null)
            promises.GiveUp(session, [FidOf(request, entry)]);
        return status?.StatusVersion == entry.StatusVersion;
    }

    private AbortCode NoVolume(ClientSession session, IReadOnlyList<Fid> fids)
    {
        promises.GiveUp(session, fids);
        return AbortCodes.NoVolume;
    }

    private static Fid FidOf(ValidateRequest request, CachedVersion entry) => new(request.Volume, entry.Vnode, entry.Uniquifier);
}
