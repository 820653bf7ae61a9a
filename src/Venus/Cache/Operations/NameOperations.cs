using Afs.Venus.Servers;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>Mutations of names: remove, rename, link. Each applies its reply to the directories, then to the statuses.</summary>
internal sealed class NameOperations(
    ViceCalls calls, Statuses statuses, DirectoryCache directories, ContentCache contents, UnnamedFiles unnamed, DoubtfulChanges doubts,
    RemovalsUnderWay removals)
{
    public async ValueTask<Failure> RemoveAsync(RemoveRequest request, CancellationToken cancellation)
    {
        using var change = new ChangeScope(statuses, request.Parent);
        removals.Begin();
        try
        {
            Result<RemoveReply> reply = await calls.MutateAsync((vice, context) => vice.RemoveAsync(request, context), cancellation);
            if (!reply.IsSuccess)
            {
                directories.TryLookup(request.Parent, request.Name, out Fid child, out _);
                return doubts.Judge(reply.Failure, request.Parent, child);
            }
            if (reply.Value.Parent.Fid != request.Parent)
                return AbortCodes.BadArgument;
            directories.ApplyOwn(reply.Value.Parent, Unset(request.Name));
            statuses.Keep(reply.Value.Parent);
            LostName(reply.Value.Removed, reply.Value.Remaining);
            return Failure.None;
        }
        finally
        {
            removals.End();
        }
    }

    public async ValueTask<Failure> RenameAsync(RenameRequest request, CancellationToken cancellation)
    {
        using var change = new ChangeScope(statuses, request.FromParent, request.ToParent);
        removals.Begin();
        try
        {
            Result<RenameReply> reply = await calls.MutateAsync((vice, context) => vice.RenameAsync(request, context), cancellation);
            if (!reply.IsSuccess)
                return doubts.Judge(reply.Failure, request.FromParent, request.ToParent);
            if (reply.Value.FromParent.Fid != request.FromParent || reply.Value.ToParent.Fid != request.ToParent)
                return AbortCodes.BadArgument;
            ApplyRename(request, reply.Value);
            return Failure.None;
        }
        finally
        {
            removals.End();
        }
    }

    public async ValueTask<Result<FetchStatus>> LinkAsync(LinkRequest request, CancellationToken cancellation)
    {
        using var change = new ChangeScope(statuses, request.Fid, request.Parent);
        Result<LinkReply> reply = await calls.MutateAsync((vice, context) => vice.LinkAsync(request, context), cancellation);
        if (!reply.IsSuccess)
            return doubts.Judge(reply.Failure, request.Fid, request.Parent);
        FetchStatus linked = reply.Value.Status;
        if (linked.Fid != request.Fid || reply.Value.Parent.Fid != request.Parent)
            return (Failure)AbortCodes.BadArgument;
        unnamed.Named(request.Fid);
        directories.ApplyOwn(reply.Value.Parent, Set(request.Name, linked));
        statuses.Keep(reply.Value.Parent);
        statuses.Keep(linked);
        return linked;
    }

    private void ApplyRename(RenameRequest request, RenameReply reply)
    {
        DirectoryChange source = request.Mode == RenameMode.Exchange && reply.Other is { } other
            ? Set(request.FromName, other)
            : Unset(request.FromName);
        DirectoryChange target = Set(request.ToName, reply.Moved);
        if (request.FromParent == request.ToParent)
            directories.ApplyOwn(reply.ToParent, source, target);
        else
        {
            directories.ApplyOwn(reply.FromParent, source);
            directories.ApplyOwn(reply.ToParent, target);
            statuses.Keep(reply.FromParent);
        }
        statuses.Keep(reply.ToParent);
        statuses.Keep(reply.Moved);
        if (request.Mode == RenameMode.Exchange)
            statuses.Keep(reply.Other);
        else if (reply.Replaced != default)
            LostName(reply.Replaced, reply.Other);
    }

    /// <summary>It has other names left, or is gone.</summary>
    private void LostName(Fid fid, FetchStatus? remaining)
    {
        if (remaining is not null)
        {
            statuses.Keep(remaining);
            return;
        }
        contents.Removed(fid);
        statuses.Remove(fid);
        directories.Remove(fid);
    }

    private static DirectoryChange Set(byte[] name, FetchStatus status) => new() { Name = name, IsSet = true, Fid = status.Fid, Type = status.Type };

    private static DirectoryChange Unset(byte[] name) => new() { Name = name, IsSet = false };
}
