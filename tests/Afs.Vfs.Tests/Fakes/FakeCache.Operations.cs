using System.Text;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Vfs.Tests;

/// <summary>Mutations, each applied at once.</summary>
internal sealed partial class FakeCache : IFileOperations
{
    /// <summary>Another client got there first: the next create finds the name taken, and its break comes with the next load.</summary>
    public string? TakenByOther { get; set; }

    public List<StoreStatusRequest> StatusRequests { get; } = [];

    public ValueTask<Failure> SyncAsync(Fid fid, OperationContext operation) => new(Failure.None);

    public RefusedBehind Refused { get; set; }

    public RefusedBehind RefusalsIn(Fid volumeOf) => Refused;

    public RefusedBehind RefusalsOf(Fid fid) => Refused;

    public Timestamp Now => new(1000, 5);

    private TaskCompletionSource? _server;

    /// <summary>Creations wait for this from now on, as for a server that is slow.</summary>
    public TaskCompletionSource HoldCreations() => _server = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    public async ValueTask<Result<FetchStatus>> CreateAsync(CreateRequest request, OperationContext operation)
    {
        if (_server is not null)
            await _server.Task;
        return Create(request);
    }

    private Result<FetchStatus> Create(CreateRequest request)
    {
        string? name = request.Name is null ? null : Encoding.Latin1.GetString(request.Name);
        if (name is not null && (name == TakenByOther || _vnodes[request.Parent].Entries.ContainsKey(name)))
        {
            TakenByOther = null;
            return (Failure)AbortCodes.NameExists;
        }

        Fid fid = NewFid();
        FetchStatus status = NewStatus(fid, request.Type, request.Mode & ~request.Umask) with { Uid = request.Uid, Gid = request.Gid, SymlinkTarget = request.SymlinkTarget };
        _vnodes.Add(fid, new FakeVnode(status));
        if (name is not null)
            Enter(request.Parent, name, fid);
        _promised.Add(fid);
        return status;
    }

    public ValueTask<Failure> RemoveAsync(Fid parent, byte[] name, bool isDirectory, OperationContext operation)
    {
        Leave(parent, Encoding.Latin1.GetString(name));
        return new(Failure.None);
    }

    public ValueTask<Failure> RenameAsync(Fid fromParent, byte[] fromName, Fid toParent, byte[] toName, RenameMode mode, OperationContext operation)
    {
        Fid fid = _vnodes[fromParent].Entries[Encoding.Latin1.GetString(fromName)];
        Leave(fromParent, Encoding.Latin1.GetString(fromName));
        Enter(toParent, Encoding.Latin1.GetString(toName), fid);
        return new(Failure.None);
    }

    public ValueTask<Result<FetchStatus>> LinkAsync(Fid fid, Fid parent, byte[] name, OperationContext operation)
    {
        Enter(parent, Encoding.Latin1.GetString(name), fid);
        return new(_vnodes[fid].Status);
    }

    public ValueTask<Result<FetchStatus>> SetStatusAsync(StoreStatusRequest request, OperationContext operation)
    {
        StatusRequests.Add(request);
        FakeVnode vnode = _vnodes[request.Fid];
        if (request.Fields.HasFlag(StatusFields.Mode))
            vnode.Status = vnode.Status with { Mode = request.Mode };
        if (request.Fields.HasFlag(StatusFields.KillSetId))
            vnode.Status = vnode.Status with { Mode = vnode.Status.Mode & 0x1FF };
        return new(vnode.Status);
    }

    public ValueTask<Failure> SetXattrAsync(StoreXattrRequest request, OperationContext operation)
    {
        Fid fid = request.Fid;
        Dictionary<string, byte[]> xattrs = _vnodes[fid].Xattrs;
        string key = Encoding.UTF8.GetString(request.Name);
        if (request.Value is { } value)
            xattrs[key] = value;
        else if (!xattrs.Remove(key))
            return new((Failure)AbortCodes.NoXattr);
        _vnodes[fid].Status = _vnodes[fid].Status with { HasXattrs = xattrs.Count > 0 };
        return new(Failure.None);
    }

    public bool TryGetXattrs(Fid fid, out IReadOnlyList<Xattr> known)
    {
        known = [];
        return false;
    }

    public ValueTask<Result<IReadOnlyList<Xattr>>> GetXattrsAsync(Fid fid, OperationContext operation)
    {
        Calls++;
        IReadOnlyList<Xattr> xattrs = [.. _vnodes[fid].Xattrs.Select(x => new Xattr { Name = Encoding.UTF8.GetBytes(x.Key), Value = x.Value })];
        return new(Result(xattrs));
    }

    public ValueTask<Result<GetVolumeStatusReply>> GetVolumeStatusAsync(Fid fid, OperationContext operation) =>
        new(new GetVolumeStatusReply { TotalBytes = 1 << 30, FreeBytes = 1 << 29, Vnodes = 7 });

    private static Result<T> Result<T>(T value) => value;
}
