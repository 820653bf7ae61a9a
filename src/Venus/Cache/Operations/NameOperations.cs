using Afs.Venus.Callbacks;
using Afs.Venus.Servers;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>Mutations of names: remove, rename, link. Each applies its reply to the directories, then to the statuses.</summary>
internal sealed class NameOperations(
    ViceCalls calls, Statuses statuses, DirectoryCache directories, ContentCache contents, UnnamedFiles unnamed, DoubtfulChanges doubts,
    RemovalsUnderWay removals)
{
    public async ValueTask<Failure> RemoveAsync(RemoveRequest request, OperationContext operation)
    {
        using var change = new ChangeScope(statuses, request.Parent);
        CallMark mark = statuses.Mark();
        removals.Begin();
        try
        {
            Fid? child = doubts.Find(request.Parent, request.Name);
            Result<RemoveReply> reply = await calls.MutateAsync((vice, context) => vice.RemoveAsync(request, context), operation);
            if (!reply.IsSuccess)
                return doubts.JudgeNames(reply.Failure, (request.Parent, request.Name, child));
            if (reply.Value.Parent.Fid != request.Parent)
                return doubts.Judge(FailureKind.ServerMisbehaved, request.Parent);
            directories.ApplyOwn(reply.Value.Parent, mark, Unset(request.Name));
            statuses.Keep(reply.Value.Parent, mark);
            LostName(reply.Value.Removed, reply.Value.Remaining, mark);
            return Failure.None;
        }
        finally
        {
            removals.End();
        }
    }

    public async ValueTask<Failure> RenameAsync(RenameRequest request, OperationContext operation)
    {
        using var change = new ChangeScope(statuses, request.FromParent, request.ToParent);
        CallMark mark = statuses.Mark();
        removals.Begin();
        try
        {
            Fid? moved = doubts.Find(request.FromParent, request.FromName), replaced = doubts.Find(request.ToParent, request.ToName);
            Result<RenameReply> reply = await calls.MutateAsync((vice, context) => vice.RenameAsync(request, context), operation);
            if (!reply.IsSuccess)
                return doubts.JudgeNames(reply.Failure, (request.FromParent, request.FromName, moved), (request.ToParent, request.ToName, replaced));
            if (reply.Value.FromParent.Fid != request.FromParent || reply.Value.ToParent.Fid != request.ToParent)
                return doubts.Judge(FailureKind.ServerMisbehaved, request.FromParent, request.ToParent);
            ApplyRename(request, reply.Value, mark);
            return Failure.None;
        }
        finally
        {
            removals.End();
        }
    }

    public async ValueTask<Result<FetchStatus>> LinkAsync(LinkRequest request, OperationContext operation)
    {
        using var change = new ChangeScope(statuses, request.Fid, request.Parent);
        CallMark mark = statuses.Mark();
        Result<LinkReply> reply = await calls.MutateAsync((vice, context) => vice.LinkAsync(request, context), operation);
        if (!reply.IsSuccess)
            return doubts.Judge(reply.Failure, request.Fid, request.Parent);
        FetchStatus linked = reply.Value.Status;
        if (linked.Fid != request.Fid || reply.Value.Parent.Fid != request.Parent)
            return doubts.Judge(FailureKind.ServerMisbehaved, request.Fid, request.Parent);
        unnamed.Named(request.Fid);
        directories.ApplyOwn(reply.Value.Parent, mark, Set(request.Name, linked));
        statuses.Keep(reply.Value.Parent, mark);
        statuses.Keep(linked, mark);
        return linked;
    }

    private void ApplyRename(RenameRequest request, RenameReply reply, CallMark mark)
    {
        DirectoryChange source = request.Mode == RenameMode.Exchange && reply.Other is { } other
            ? Set(request.FromName, other)
            : Unset(request.FromName);
        DirectoryChange target = Set(request.ToName, reply.Moved);
        if (request.FromParent == request.ToParent)
            directories.ApplyOwn(reply.ToParent, mark, source, target);
        else
        {
            directories.ApplyOwn(reply.FromParent, mark, source);
            directories.ApplyOwn(reply.ToParent, mark, target);
            statuses.Keep(reply.FromParent, mark);
        }
        statuses.Keep(reply.ToParent, mark);
        statuses.Keep(reply.Moved, mark);
        if (request.Mode == RenameMode.Exchange)
            statuses.Keep(reply.Other, mark);
        else if (reply.Replaced != default)
            LostName(reply.Replaced, reply.Other, mark);
    }

    /// <summary>It has other names left, or is gone.</summary>
    private void LostName(Fid fid, FetchStatus? remaining, CallMark mark)
    {
        if (remaining is not null)
        {
            statuses.Keep(remaining, mark);
            return;
        }
        if (statuses.IsDisowned(fid, mark))
        {
            statuses.Distrust(fid); // Whether it went is asked.
            return;
        }
        contents.Removed(fid);
        statuses.Remove(fid);
        directories.Remove(fid);
    }

    private static DirectoryChange Set(byte[] name, FetchStatus status) => new() { Name = name, IsSet = true, Fid = status.Fid, Type = status.Type };

    private static DirectoryChange Unset(byte[] name) => new() { Name = name, IsSet = false };
}

/// <summary>Counts removals by this client that have no reply yet, so that a store that finds its vnode gone can tell whose doing it was.</summary>
internal sealed class RemovalsUnderWay
{
    private readonly Lock _lock = new();
    private int _count;
    private TaskCompletionSource? _settled;

    public void Begin()
    {
        lock (_lock)
            _count++;
    }

    public void End()
    {
        lock (_lock)
        {
            if (--_count > 0)
                return;
            _settled?.SetResult();
            _settled = null;
        }
    }

    /// <summary>Completes when there is a moment without any. Bounded by the deadlines of the calls.</summary>
    public ValueTask SettledAsync()
    {
        lock (_lock)
        {
            if (_count == 0)
                return ValueTask.CompletedTask;
            _settled ??= new(TaskCreationOptions.RunContinuationsAsynchronously);
            return new ValueTask(_settled.Task);
        }
    }
}

/// <summary>
/// Files that were made without a name (O_TMPFILE) and have none yet. When the last use of one ended the server is told, soon and in the background;
/// where it can't be told it finds out by itself, when this client's session ends.
/// </summary>
internal sealed class UnnamedFiles(ViceCalls calls, Statuses statuses, ContainerTable containers)
{
    private readonly Lock _lock = new();

    /// <summary>Each with the container whose use ended last; null: it wasn't used yet.</summary>
    private readonly Dictionary<Fid, Container?> _used = [];
    private int _count;

    public void Add(Fid fid)
    {
        lock (_lock)
        {
            _used[fid] = null;
            Volatile.Write(ref _count, _used.Count);
        }
    }

    /// <summary>It was linked.</summary>
    public void Named(Fid fid)
    {
        lock (_lock)
        {
            _used.Remove(fid);
            Volatile.Write(ref _count, _used.Count);
        }
    }

    /// <summary>A use of some file ended. Called often, and seldom for one of these.</summary>
    public void UseEnded(Container container)
    {
        if (Volatile.Read(ref _count) == 0)
            return;
        lock (_lock)
        {
            if (_used.ContainsKey(container.Fid))
                _used[container.Fid] = container;
        }
    }

    /// <summary>Releases all that nobody uses any more.</summary>
    public async Task ReleaseAsync(OperationContext operation)
    {
        foreach (Fid fid in TakeUnused())
        {
            if (containers.TryGet(fid, out Container? container))
                containers.Drop(container, ContainerFate.RemovedHere);
            await calls.MutateAsync((vice, context) => vice.ReleaseUnnamedAsync(new ReleaseUnnamedRequest { Fid = fid }, context), operation);
            statuses.Remove(fid);
        }
    }

    private List<Fid> TakeUnused()
    {
        lock (_lock)
        {
            List<Fid> unused = [.. _used.Where(static u => u.Value is { IsPinned: false }).Select(static u => u.Key)];
            unused.ForEach(fid => _used.Remove(fid));
            Volatile.Write(ref _count, _used.Count);
            return unused;
        }
    }
}
