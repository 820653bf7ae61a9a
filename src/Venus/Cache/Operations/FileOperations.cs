using Afs.Venus.Callbacks;
using Afs.Venus.Servers;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>What <see cref="IFileOperations"/> says, of one volume. Mutations of one object: making it, its status, its xattrs. Those of names are in <see cref="NameOperations"/>.</summary>
internal sealed class FileOperations(
    ViceCalls calls, Statuses statuses, DirectoryCache directories, NameOperations names, ContainerTable containers, ContentUses uses,
    UnnamedFiles unnamed, CacheRoom room, XattrCache xattrs, UnstoredStatus unstored, VolumeFigures volume, DoubtfulChanges doubts, RemovalsUnderWay removals, TimeProvider time)
{
    public async ValueTask<Result<FetchStatus>> CreateAsync(CreateRequest request, OperationContext operation)
    {
        // Before there is a name: one without room for its file would only be in the way.
        if (request.Type == FileType.Regular && !await room.HasRoomAsync())
            return (Failure)FailureKind.CacheFull;
        using var change = new ChangeScope(statuses, request.Parent);
        CallMark mark = statuses.Mark();
        Result<CreateReply> reply = await calls.MutateAsync((vice, context) => vice.CreateAsync(request, context), operation);
        if (!reply.IsSuccess)
            return doubts.Judge(reply.Failure, request.Parent);
        FetchStatus made = reply.Value.Status;
        bool isOfParent = request.Name is null || reply.Value.Parent?.Fid == request.Parent;
        if (made.Fid.Volume != request.Parent.Volume || !isOfParent)
            return doubts.Judge(FailureKind.ServerMisbehaved, request.Parent);
        if (request.Name is { } name && reply.Value.Parent is { } parent)
        {
            directories.ApplyOwn(parent, mark, new DirectoryChange { Name = name, IsSet = true, Fid = made.Fid, Type = made.Type });
            statuses.Keep(parent, mark);
        }
        else if (request.Name is null)
            unnamed.Add(made.Fid);
        if (made.Type == FileType.Directory && !statuses.IsDisowned(made.Fid, mark))
            directories.AddEmpty(made);
        if (made.HasXattrs && XattrList.AreValid(reply.Value.Xattrs))
            xattrs.Put(made, reply.Value.Xattrs);
        return statuses.Grant(made, mark);
    }

    public ValueTask<Failure> RemoveAsync(Fid parent, byte[] name, bool isDirectory, OperationContext operation) =>
        names.RemoveAsync(new RemoveRequest { Parent = parent, Name = name, IsDirectory = isDirectory, Time = FileTimes.Now(time) }, operation);

    public ValueTask<Failure> RenameAsync(
        Fid fromParent, byte[] fromName, Fid toParent, byte[] toName, RenameMode mode, OperationContext operation) =>
        names.RenameAsync(
            new RenameRequest { FromParent = fromParent, FromName = fromName, ToParent = toParent, ToName = toName, Mode = mode, Time = FileTimes.Now(time) },
            operation);

    public ValueTask<Result<FetchStatus>> LinkAsync(Fid fid, Fid parent, byte[] name, OperationContext operation) =>
        names.LinkAsync(new LinkRequest { Fid = fid, Parent = parent, Name = name, Time = FileTimes.Now(time) }, operation);

    public async ValueTask<Result<FetchStatus>> SetStatusAsync(StoreStatusRequest request, OperationContext operation)
    {
        if (statuses.IsRemoved(request.Fid))
            return SetRemoved(request);
        if (unstored.TryKeep(request, out FetchStatus kept))
            return kept;
        using var change = new ChangeScope(statuses, request.Fid);
        CallMark mark = statuses.Mark();
        bool isKnown = statuses.TryGet(request.Fid, out FetchStatus before);
        Result<StoreStatusReply> reply = await calls.MutateAsync((vice, context) => vice.StoreStatusAsync(request, context), operation);
        if (!reply.IsSuccess)
        {
            if (reply.Failure == AbortCodes.NoVnode)
            {
                await removals.SettledAsync();
                // Whoever asked came by its name just before it was removed, or has it open: a local filesystem does it.
                statuses.Remove(request.Fid);
                if (statuses.IsRemoved(request.Fid))
                    return SetRemoved(request);
            }
            return doubts.Judge(reply.Failure, request.Fid);
        }
        if (reply.Value.Status.Fid != request.Fid)
            return doubts.Judge(FailureKind.ServerMisbehaved, request.Fid);
        statuses.Keep(reply.Value.Status, mark);
        if (isKnown && !statuses.IsDisowned(reply.Value.Status.Fid, mark))
            xattrs.FollowMode(before, reply.Value.Status);
        if (request.Fields.HasFlag(StatusFields.ModifyTime))
            SetContainerTime(request.Fid, request.ModifyTime);
        return reply.Value.Status;
    }

    public async ValueTask<Failure> SetXattrAsync(StoreXattrRequest request, OperationContext operation)
    {
        Fid fid = request.Fid;
        if (statuses.IsRemoved(fid))
            return SetRemovedXattr(request);
        using var change = new ChangeScope(statuses, fid);
        CallMark mark = statuses.Mark();
        bool isKnown = statuses.TryGet(fid, out FetchStatus before);
        Result<StoreXattrReply> reply = await calls.MutateAsync((vice, context) => vice.StoreXattrAsync(request, context), operation);
        if (!reply.IsSuccess)
            return doubts.Judge(reply.Failure, fid);
        if (reply.Value.Status.Fid != fid)
            return doubts.Judge(FailureKind.ServerMisbehaved, fid);
        statuses.Keep(reply.Value.Status, mark);
        if (isKnown && !statuses.IsDisowned(reply.Value.Status.Fid, mark))
            xattrs.Follow(before, reply.Value.Status, request.Name, request.Value);
        return Failure.None;
    }

    public bool TryGetXattrs(Fid fid, out IReadOnlyList<Xattr> known)
    {
        known = [];
        return statuses.TryGet(fid, out FetchStatus status) && (!status.HasXattrs || xattrs.TryGet(status, out known));
    }

    public async ValueTask<Result<IReadOnlyList<Xattr>>> GetXattrsAsync(Fid fid, OperationContext operation)
    {
        Result<FetchStatus> status = await statuses.GetAsync(fid, operation);
        if (!status.IsSuccess)
            return status.Failure;
        if (!status.Value.HasXattrs)
            return Result<IReadOnlyList<Xattr>>.Of([]);
        if (xattrs.TryGet(status.Value, out IReadOnlyList<Xattr> cached) || statuses.IsRemoved(fid))
            return Result<IReadOnlyList<Xattr>>.Of(cached);
        CallMark mark = statuses.Mark();
        Result<FetchXattrsReply> reply = await calls.ReadAsync(
            (vice, context) => vice.FetchXattrsAsync(new FetchXattrsRequest { Fid = fid }, context), operation);
        if (!reply.IsSuccess)
            return reply.Failure;
        if (reply.Value.Status.Fid != fid || !XattrList.AreValid(reply.Value.Xattrs))
            return FailureKind.ServerMisbehaved;
        statuses.Grant(reply.Value.Status, mark);
        xattrs.Put(reply.Value.Status, reply.Value.Xattrs);
        return Result<IReadOnlyList<Xattr>>.Of(reply.Value.Xattrs);
    }

    public ValueTask<Result<GetVolumeStatusReply>> GetVolumeStatusAsync(OperationContext operation) => volume.GetAsync(operation);

    /// <summary>The vnode is gone at the server; only those who have it open here can see this.</summary>
    private Result<FetchStatus> SetRemoved(StoreStatusRequest request)
    {
        if (!statuses.TryGetSuspect(request.Fid, out FetchStatus status))
            return (Failure)AbortCodes.NoVnode;
        FetchStatus changed = StatusChanges.Apply(status, request);
        if (changed.Lists.HasFlag(AccessLists.Access) && xattrs.TryGet(status, out IReadOnlyList<Xattr> known))
            xattrs.Put(changed, XattrList.WithMode(known, changed.Mode));
        statuses.ReplaceRemoved(changed);
        if (request.Fields.HasFlag(StatusFields.ModifyTime))
            SetContainerTime(request.Fid, request.ModifyTime);
        return changed;
    }

    private Failure SetRemovedXattr(StoreXattrRequest request)
    {
        if (!statuses.TryGetSuspect(request.Fid, out FetchStatus status))
            return AbortCodes.NoVnode;
        xattrs.TryGet(status, out IReadOnlyList<Xattr> known);
        byte[]? value = XattrList.Kept(request.Name, request.Value);
        bool setsOnlyMode = value is null && request.Value is not null;
        Result<IReadOnlyList<Xattr>> edited = XattrList.Edit(known, request.Name, value, request.Mode);
        if (!edited.IsSuccess && !setsOnlyMode)
            return edited.Failure;
        AccessLists kind = AccessList.KindOf(request.Name);
        IReadOnlyList<Xattr> now = edited.IsSuccess ? edited.Value : known;
        FetchStatus changed = status with
        {
            Mode = kind == AccessLists.Access && request.Value is not null ? AccessList.ModeOf(request.Value, status.Mode) : status.Mode,
            HasXattrs = now.Count > 0,
            Lists = value is null ? status.Lists & ~kind : status.Lists | kind,
        };
        xattrs.Put(changed, now);
        statuses.ReplaceRemoved(changed);
        return Failure.None;
    }

    private void SetContainerTime(Fid fid, Timestamp time)
    {
        if (!containers.TryGet(fid, out Container? container) || !container.IsLocal || !container.TryPin())
            return;
        container.SetModifyTime(time);
        uses.Ended(container, wasWriting: false);
    }
}

/// <summary>The client's clock, for times of files.</summary>
internal static class FileTimes
{
    public static Timestamp Now(TimeProvider time)
    {
        long ticks = time.GetUtcNow().UtcTicks - DateTime.UnixEpoch.Ticks;
        (long seconds, long rest) = Math.DivRem(ticks, TimeSpan.TicksPerSecond);
        return rest < 0 ? new(seconds - 1, (uint)(rest + TimeSpan.TicksPerSecond) * 100) : new(seconds, (uint)rest * 100);
    }
}

/// <summary>From before a mutation is sent until its reply was applied: the statuses that it changes are under way (rule R5 of PromiseRules).</summary>
internal readonly struct ChangeScope : IDisposable
{
    private readonly Statuses _statuses;
    private readonly Fid _first, _second;

    public ChangeScope(Statuses statuses, Fid first, Fid second = default)
    {
        (_statuses, _first, _second) = (statuses, first, second == first ? default : second);
        statuses.BeginChange(first);
        if (_second != default)
            statuses.BeginChange(_second);
    }

    public void Dispose()
    {
        _statuses.EndChange(_first);
        if (_second != default)
            _statuses.EndChange(_second);
    }
}

/// <summary>What a StoreStatus does to a status, for a vnode that the server no longer has.</summary>
internal static class StatusChanges
{
    private const uint SetUserId = 0x800, SetGroupId = 0x400, GroupExecute = 0x8;

    public static FetchStatus Apply(FetchStatus status, StoreStatusRequest request)
    {
        StatusFields fields = request.Fields;
        uint mode = fields.HasFlag(StatusFields.Mode) ? request.Mode : status.Mode;
        return status with
        {
            Mode = fields.HasFlag(StatusFields.KillSetId) ? WithoutSetId(mode) : mode,
            Uid = fields.HasFlag(StatusFields.Uid) ? request.Uid : status.Uid,
            Gid = fields.HasFlag(StatusFields.Gid) ? request.Gid : status.Gid,
            AccessTime = fields.HasFlag(StatusFields.AccessTime) ? request.AccessTime : status.AccessTime,
            ModifyTime = fields.HasFlag(StatusFields.ModifyTime) ? request.ModifyTime : status.ModifyTime,
            ChangeTime = request.ChangeTime,
        };
    }

    private static uint WithoutSetId(uint mode) => mode & ~((mode & GroupExecute) != 0 ? SetUserId | SetGroupId : SetUserId);
}

/// <summary>
/// Changes of a status that need no call, since the store of what is being written says them too: the modification time of a file that somebody here
/// has open for writing, and has changed since it was last stored, is its writer's until the next close or fsync, as its length and content are;
/// and an owner or mode that it has already is none. So tar, which sets all of them before each close, waits for two calls less.
/// </summary>
internal sealed class UnstoredStatus(Statuses statuses, ContainerTable containers, ContentUses uses)
{
    private const StatusFields Kept = StatusFields.ModifyTime | StatusFields.Mode | StatusFields.Uid | StatusFields.Gid | StatusFields.KillSetId;

    /// <summary>False: the server must be told.</summary>
    public bool TryKeep(StoreStatusRequest request, out FetchStatus status)
    {
        if (!statuses.TryGet(request.Fid, out status) || !IsInStore(request, status))
            return false;
        if (!containers.TryPeek(request.Fid, out Container? container) || !container.HasWriters || !container.TryPin())
            return false;
        try
        {
            return container.TrySetUnstoredTime(request.Fields.HasFlag(StatusFields.ModifyTime) ? request.ModifyTime : null);
        }
        finally
        {
            uses.Ended(container, wasWriting: false);
        }
    }

    private static bool IsInStore(StoreStatusRequest request, FetchStatus status)
    {
        FetchStatus after = StatusChanges.Apply(status, request);
        return (request.Fields & ~Kept) == 0 && after.Mode == status.Mode && after.Uid == status.Uid && after.Gid == status.Gid;
    }
}

/// <summary>A mutation that may have run leaves what it touches suspect, here and in the kernel.</summary>
internal sealed class DoubtfulChanges(Statuses statuses, DirectoryCache directories, ServerTrust trust, KernelNotices kernel)
{
    /// <summary>The failure, as it came.</summary>
    public Failure Judge(Failure failure, params ReadOnlySpan<Fid> touched)
    {
        if (failure.Kind is not (FailureKind.InDoubt or FailureKind.ServerMisbehaved))
            return failure;
        foreach (Fid fid in touched)
        {
            statuses.Distrust(fid);
            kernel.InvalidateLater(fid);
        }
        return failure;
    }

    /// <summary>
    /// Of a change that moves or removes names: what they led to has another status too, and its own client is told of that by the reply alone. Which that is, is known as long
    /// as the listing was promised from before the call, by <see cref="Find"/>, until now: else any file may be meant.
    /// </summary>
    public Failure JudgeNames(Failure failure, params ReadOnlySpan<(Fid Directory, byte[] Name, Fid? Before)> names)
    {
        if (failure.Kind != FailureKind.InDoubt)
            return failure;
        bool isKnown = true;
        foreach ((Fid directory, byte[] name, Fid? before) in names)
        {
            Fid? now = Find(directory, name);
            isKnown &= before is not null && now == before;
            Judge(failure, before ?? default, now ?? default);
        }
        foreach ((Fid directory, _, _) in names)
            Judge(failure, directory);
        if (!isKnown)
            trust.Distrust(SuspectReason.ChangeInDoubt);
        return failure;
    }

    /// <summary>What a promised listing says; the default fid: there is no such name. Null: it isn't known.</summary>
    public Fid? Find(Fid directory, byte[] name) => directories.TryLookup(directory, name, out Fid fid, out _) switch
    {
        LookupAnswer.Found => fid,
        LookupAnswer.Absent => default(Fid),
        _ => null,
    };
}
