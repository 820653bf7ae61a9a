using Afs.Venus.Callbacks;
using Afs.Venus.Servers;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>Mutations of one object: making it, its status, its xattrs. Those of names are in <see cref="NameOperations"/>.</summary>
internal sealed class FileOperations(
    ViceCalls calls, Statuses statuses, DirectoryCache directories, NameOperations names, ContainerTable containers, ContentUses uses,
    UnnamedFiles unnamed, XattrCache xattrs, UnstoredStatus unstored, Lazy<VolumeFigures> volume, DoubtfulChanges doubts, RemovalsUnderWay removals, TimeProvider time)
    : IFileOperations
{
    public Timestamp Now
    {
        get
        {
            long ticks = time.GetUtcNow().UtcTicks - DateTime.UnixEpoch.Ticks;
            (long seconds, long rest) = Math.DivRem(ticks, TimeSpan.TicksPerSecond);
            return rest < 0 ? new(seconds - 1, (uint)(rest + TimeSpan.TicksPerSecond) * 100) : new(seconds, (uint)rest * 100);
        }
    }

    public async ValueTask<Result<FetchStatus>> CreateAsync(CreateRequest request, CancellationToken cancellation)
    {
        using var change = new ChangeScope(statuses, request.Parent);
        CallMark mark = statuses.Mark();
        Result<CreateReply> reply = await calls.MutateAsync((vice, context) => vice.CreateAsync(request, context), cancellation);
        if (!reply.IsSuccess)
            return doubts.Judge(reply.Failure, request.Parent);
        FetchStatus made = reply.Value.Status;
        if (request.Name is { } name && reply.Value.Parent is { } parent && parent.Fid == request.Parent)
        {
            directories.ApplyOwn(parent, new DirectoryChange { Name = name, IsSet = true, Fid = made.Fid, Type = made.Type });
            statuses.Keep(parent);
        }
        else if (request.Name is null)
            unnamed.Add(made.Fid);
        if (made.Type == FileType.Directory)
            directories.AddEmpty(made);
        return statuses.Grant(made, mark);
    }

    public ValueTask<Failure> RemoveAsync(Fid parent, byte[] name, bool isDirectory, CancellationToken cancellation) =>
        names.RemoveAsync(new RemoveRequest { Parent = parent, Name = name, IsDirectory = isDirectory, Time = Now }, cancellation);

    public ValueTask<Failure> RenameAsync(
        Fid fromParent, byte[] fromName, Fid toParent, byte[] toName, RenameMode mode, CancellationToken cancellation) =>
        names.RenameAsync(
            new RenameRequest { FromParent = fromParent, FromName = fromName, ToParent = toParent, ToName = toName, Mode = mode, Time = Now },
            cancellation);

    public ValueTask<Result<FetchStatus>> LinkAsync(Fid fid, Fid parent, byte[] name, CancellationToken cancellation) =>
        names.LinkAsync(new LinkRequest { Fid = fid, Parent = parent, Name = name, Time = Now }, cancellation);

    public async ValueTask<Result<FetchStatus>> SetStatusAsync(StoreStatusRequest request, CancellationToken cancellation)
    {
        if (statuses.IsRemoved(request.Fid))
            return SetRemoved(request);
        if (unstored.TryKeep(request, out FetchStatus kept))
            return kept;
        using var change = new ChangeScope(statuses, request.Fid);
        Result<StoreStatusReply> reply = await calls.MutateAsync((vice, context) => vice.StoreStatusAsync(request, context), cancellation);
        if (!reply.IsSuccess)
        {
            if (reply.Failure == AbortCodes.NoVnode)
            {
                await removals.SettledAsync();
                if (statuses.IsRemoved(request.Fid))
                    return SetRemoved(request);
            }
            return doubts.Judge(reply.Failure, request.Fid);
        }
        if (reply.Value.Status.Fid != request.Fid)
            return (Failure)AbortCodes.BadArgument;
        statuses.Keep(reply.Value.Status);
        if (request.Fields.HasFlag(StatusFields.ModifyTime))
            SetContainerTime(request.Fid, request.ModifyTime);
        return reply.Value.Status;
    }

    public async ValueTask<Failure> SetXattrAsync(Fid fid, byte[] name, byte[]? value, XattrMode mode, CancellationToken cancellation)
    {
        if (statuses.IsRemoved(fid))
            return SetRemovedXattr(fid, name, value, mode);
        using var change = new ChangeScope(statuses, fid);
        bool isKnown = statuses.TryGet(fid, out FetchStatus before);
        var request = new StoreXattrRequest { Fid = fid, Name = name, Value = value, Mode = mode, ChangeTime = Now };
        Result<StoreXattrReply> reply = await calls.MutateAsync((vice, context) => vice.StoreXattrAsync(request, context), cancellation);
        if (!reply.IsSuccess)
            return doubts.Judge(reply.Failure, fid);
        if (reply.Value.Status.Fid != fid)
            return AbortCodes.BadArgument;
        statuses.Keep(reply.Value.Status);
        if (isKnown)
            xattrs.Follow(before, reply.Value.Status, name, value);
        return Failure.None;
    }

    public async ValueTask<Result<IReadOnlyList<Xattr>>> GetXattrsAsync(Fid fid, CancellationToken cancellation)
    {
        Result<FetchStatus> status = await statuses.GetAsync(fid, cancellation);
        if (!status.IsSuccess)
            return status.Failure;
        if (!status.Value.HasXattrs)
            return Result<IReadOnlyList<Xattr>>.Of([]);
        if (xattrs.TryGet(status.Value, out IReadOnlyList<Xattr> cached) || statuses.IsRemoved(fid))
            return Result<IReadOnlyList<Xattr>>.Of(cached);
        CallMark mark = statuses.Mark();
        Result<FetchXattrsReply> reply = await calls.ReadAsync(
            (vice, context) => vice.FetchXattrsAsync(new FetchXattrsRequest { Fid = fid }, context), cancellation);
        if (!reply.IsSuccess)
            return reply.Failure;
        if (reply.Value.Status.Fid != fid)
            return (Failure)AbortCodes.BadArgument;
        statuses.Grant(reply.Value.Status, mark);
        xattrs.Put(reply.Value.Status, reply.Value.Xattrs);
        return Result<IReadOnlyList<Xattr>>.Of(reply.Value.Xattrs);
    }

    public ValueTask<Result<GetVolumeStatusReply>> GetVolumeStatusAsync(CancellationToken cancellation) => volume.Value.GetAsync(cancellation);

    /// <summary>The vnode is gone at the server; only those who have it open here can see this.</summary>
    private Result<FetchStatus> SetRemoved(StoreStatusRequest request)
    {
        if (!statuses.TryGetSuspect(request.Fid, out FetchStatus status))
            return (Failure)AbortCodes.NoVnode;
        FetchStatus changed = StatusChanges.Apply(status, request);
        statuses.ReplaceRemoved(changed);
        if (request.Fields.HasFlag(StatusFields.ModifyTime))
            SetContainerTime(request.Fid, request.ModifyTime);
        return changed;
    }

    private Failure SetRemovedXattr(Fid fid, byte[] name, byte[]? value, XattrMode mode)
    {
        if (!statuses.TryGetSuspect(fid, out FetchStatus status))
            return AbortCodes.NoVnode;
        xattrs.TryGet(status, out IReadOnlyList<Xattr> known);
        Result<IReadOnlyList<Xattr>> edited = XattrList.Edit(known, name, value, mode);
        if (!edited.IsSuccess)
            return edited.Failure;
        xattrs.Put(status, edited.Value);
        statuses.ReplaceRemoved(status with { HasXattrs = edited.Value.Count > 0 });
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
