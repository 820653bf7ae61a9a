using Afs.Platform;
using Afs.Rpc;
using Afs.Rules;
using Afs.Vice.Callbacks;
using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Directories;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Vice.Service;

/// <summary>Runs reads: finds the caller's session, waits for the disk where it holds up nobody, and turns a failing disk into an abort.</summary>
internal sealed partial class Reads(Sessions sessions, Promises promises, CallersTurns turns, ServiceFigures figures, PeerWarnings warnings, ILogger log)
{
    /// <summary>A read of the metadata that tells of no vnode.</summary>
    public ValueTask<Outcome<T>> RunAsync<T>(CallContext context, AbortCode check, Func<ClientSession, Outcome<T>> read) =>
        RunAsync(context, check, static () => [], read);

    /// <summary>A read of the metadata.</summary>
    /// <param name="fids">Asked after the check: what it tells of, which is promised before it is read.</param>
    public ValueTask<Outcome<T>> RunAsync<T>(CallContext context, AbortCode check, Func<IReadOnlyList<Fid>> fids, Func<ClientSession, Outcome<T>> read) =>
        WaitAsync(context, check, fids, session => turns.RunAsync(() => read(session)));

    /// <summary>A read that tells of no vnode, and sees itself to where it waits.</summary>
    public ValueTask<Outcome<T>> WaitAsync<T>(CallContext context, AbortCode check, Func<ClientSession, ValueTask<Outcome<T>>> read) =>
        WaitAsync(context, check, static () => [], read);

    /// <summary>A read that sees itself to where it waits.</summary>
    public async ValueTask<Outcome<T>> WaitAsync<T>(CallContext context, AbortCode check, Func<IReadOnlyList<Fid>> fids, Func<ClientSession, ValueTask<Outcome<T>>> read)
    {
        figures.CountRead();
        if (check != AbortCode.None)
            return check;
        if (await sessions.EnterAsync(context) is not { } session)
            return Outcome<T>.NotExecuted;
        try
        {
            await promises.GrantAsync(session, fids());
            return await read(session);
        }
        catch (Exception e) when (e is StorageException or DiskException)
        {
            figures.CountStorageFailure();
            if (warnings.MayTell(context.Host, nameof(LogFailed), out string more))
                LogFailed(log, typeof(T).Name, e.Message, more);
            return AbortCodes.ServerDiskFailed;
        }
    }

    [LoggerMessage(EventId = 3201, Level = LogLevel.Error, Message = "{Reply} could not be read: {Reason}{More}")]
    private static partial void LogFailed(ILogger log, string reply, string reason, string more);
}

/// <summary>Volumes as wholes.</summary>
internal sealed class VolumeReads(IMetadataStore metadata, IContentStore store, CallersTurns turns)
{
    public Outcome<GetVolumeReply> Get(GetVolumeRequest request)
    {
        using IMetadataView view = metadata.OpenView();
        VolumeRecord? volume = view.ReadVolumes().FirstOrDefault(v => v.Name == request.Name);
        if (volume is null)
            return AbortCodes.NoVolume;
        FetchStatus root = view.FindVnode(volume.Id, VnodeNumber.Root)
            ?? throw new StorageException(StorageFailure.Corrupt, $"Volume {volume.Name} has no root. Run vice salvage.");
        return new GetVolumeReply { Root = root.Fid, Version = volume.Version, Incarnation = volume.Incarnation };
    }

    public async ValueTask<Outcome<GetVolumeStatusReply>> GetStatusAsync(GetVolumeStatusRequest request)
    {
        if (await turns.RunAsync(() => Find(request.Volume)) is not { } volume)
            return AbortCodes.NoVolume;
        DiskSpace space = await store.GetSpaceAsync(CancellationToken.None);
        return new GetVolumeStatusReply
        {
            TotalBytes = space.TotalBytes,
            FreeBytes = space.FreeBytes,
            ReservedBytes = Room.ReservedBytes(space),
            Vnodes = volume.Vnodes,
        };
    }

    private VolumeRecord? Find(VolumeId id)
    {
        using IMetadataView view = metadata.OpenView();
        return view.FindVolume(id);
    }
}

/// <summary>Statuses, one or thousands, and what belongs to them.</summary>
internal sealed class StatusReads(IMetadataStore metadata, Promises promises)
{
    /// <summary>Of as many as fit a reply, from the first; the client asks for the others again. Their promises stay: it does so at once.</summary>
    public Outcome<FetchStatusReply> FetchStatus(ClientSession session, FetchStatusRequest request)
    {
        using IMetadataView view = metadata.OpenView();
        if (view.FindVolume(request.Fids[0].Volume) is not { } volume)
            return NoVolume(session, request.Fids);
        var statuses = new List<FetchStatus?>(request.Fids.Count);
        ReplyRoom room = default;
        foreach (Fid fid in request.Fids)
        {
            FetchStatus? status = view.Find(fid, session.Id);
            if (!room.TryAdd(status) && statuses.Count > 0)
                break;
            if (status is null)
                promises.GiveUp(session, [fid]);
            statuses.Add(status);
        }
        return new FetchStatusReply { Statuses = statuses, VolumeVersion = volume.Version };
    }

    public Outcome<FetchXattrsReply> FetchXattrs(ClientSession session, FetchXattrsRequest request)
    {
        using IMetadataView view = metadata.OpenView();
        if (view.Find(request.Fid, session.Id) is not { } status)
            return Missing(view, session, promises, request.Fid);
        return new FetchXattrsReply { Status = status, Xattrs = view.ReadXattrs(request.Fid.Volume, request.Fid.Vnode) };
    }

    public Outcome<ValidateReply> Validate(ClientSession session, ValidateRequest request)
    {
        using IMetadataView view = metadata.OpenView();
        if (view.FindVolume(request.Volume) is not { } volume)
            return AbortCodes.NoVolume;
        byte[] valid = new byte[(request.Entries.Count + 7) / 8];
        for (int i = 0; i < request.Entries.Count; i++)
        {
            if (Holds(view, session, request, request.Entries[i]))
                valid[i / 8] |= (byte)(1 << i % 8);
        }
        return new ValidateReply { Valid = valid, VolumeVersion = volume.Version };
    }

    /// <summary>Why not, and nobody need be told when it changes.</summary>
    public static AbortCode Missing(IMetadataView view, ClientSession session, Promises promises, Fid fid)
    {
        promises.GiveUp(session, [fid]);
        return view.FindVolume(fid.Volume) is null ? AbortCodes.NoVolume : AbortCodes.NoVnode;
    }

    /// <summary>One that changed keeps the promise made here: another call of this client may have been given it meanwhile, with the status of now.</summary>
    private bool Holds(IMetadataView view, ClientSession session, ValidateRequest request, CachedVersion entry)
    {
        FetchStatus? status = view.Find(FidOf(request, entry), session.Id);
        if (status is null)
            promises.GiveUp(session, [FidOf(request, entry)]);
        return status?.StatusVersion == entry.StatusVersion;
    }

    private AbortCode NoVolume(ClientSession session, IReadOnlyList<Fid> fids)
    {
        promises.GiveUp(session, fids);
        return AbortCodes.NoVolume;
    }

    public static Fid FidOf(ValidateRequest request, CachedVersion entry) => new(request.Volume, entry.Vnode, entry.Uniquifier);
}

/// <summary>Directories: pages of entries, with their statuses where asked for, or what changed since a version.</summary>
internal sealed class DirectoryReads(IMetadataStore metadata, Promises promises, DirectoryLog log)
{
    public Outcome<FetchDirectoryReply> Fetch(ClientSession session, FetchDirectoryRequest request)
    {
        FetchStatus status;
        List<EntryRecord> entries;
        bool hasMore;
        using (IMetadataView view = metadata.OpenView())
        {
            if (view.Find(request.Directory, session.Id) is not { } found)
                return StatusReads.Missing(view, session, promises, request.Directory);
            status = found;
            if (status.Type != FileType.Directory)
                return AbortCodes.NotADirectory;
            if (Delta(request, status) is { } delta)
                return delta;
            entries = [.. view.ReadEntries(request.Directory.Volume, request.Directory.Vnode, request.After, request.MostEntries + 1)];
            hasMore = Trim(entries, request);
        }
        return new FetchDirectoryReply
        {
            Status = status,
            IsDelta = false,
            HasMore = hasMore,
            Entries = request.WithStatus ? WithStatuses(session, entries) : [.. entries.Select(entry => ToMessage(entry, null))],
            Changes = [],
        };
    }

    private FetchDirectoryReply? Delta(FetchDirectoryRequest request, FetchStatus status)
    {
        if (request.Have == DataVersion.None)
            return null;
        IReadOnlyList<DirectoryChange>? changes = log.Between(request.Directory, request.Have, status.DataVersion, Limits.EntriesPerPage);
        return changes is null ? null : new FetchDirectoryReply { Status = status, IsDelta = true, Entries = [], Changes = changes };
    }

    /// <summary>To the page's bounds. True: there is more.</summary>
    private static bool Trim(List<EntryRecord> entries, FetchDirectoryRequest request)
    {
        ReplyRoom room = default;
        int count = 0;
        while (count < entries.Count && count < request.MostEntries && (room.TryAdd(ReplyRoom.EntryBytes + entries[count].Name.Length) || count == 0))
            count++;
        bool hasMore = count < entries.Count;
        entries.RemoveRange(count, entries.Count - count);
        return hasMore;
    }

    /// <summary>
    /// Entries and statuses may be of different moments; a status is right whenever it is read after its promise. Statuses
    /// beyond what a reply holds are left out, and those of vnodes that another session may be changing: nobody waits for what may not be needed.
    /// </summary>
    private DirectoryEntry[] WithStatuses(ClientSession session, List<EntryRecord> entries)
    {
        Fid[] targets = [.. entries.Select(static entry => entry.Target)];
        bool areAllFree = promises.GrantFree(session, targets) == targets.Length;
        using IMetadataView view = metadata.OpenView();
        var messages = new DirectoryEntry[entries.Count];
        ReplyRoom room = default;
        bool fits = room.TryAdd(entries.Sum(entry => ReplyRoom.EntryBytes + entry.Name.Length));
        for (int i = 0; i < messages.Length; i++)
        {
            bool isTold = fits && (areAllFree || promises.Holds(session, entries[i].Target));
            FetchStatus? status = isTold ? view.Find(entries[i].Target, session.Id) : null;
            if (isTold && status is null)
                promises.GiveUp(session, [entries[i].Target]);
            fits = fits && room.TryAdd(status);
            messages[i] = ToMessage(entries[i], fits ? status : null);
        }
        return messages;
    }

    private static DirectoryEntry ToMessage(EntryRecord entry, FetchStatus? status) => new()
    {
        Name = entry.Name,
        Fid = entry.Target,
        Type = entry.Type,
        Status = status,
    };
}
