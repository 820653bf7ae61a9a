using Afs.Platform;
using Afs.Rpc;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Tests;

internal sealed partial class MemoryCalls
{
    public ValueTask<Outcome<CreateReply>> CreateAsync(CreateRequest request) => volume.MutateAsync<CreateReply>(client, turn =>
    {
        if (turn.Find(request.Parent) is not { } parent)
            return AbortCodes.NoVnode;
        if (request.Name is { } taken && parent.Names.ContainsKey(MemoryVolume.Text(taken)))
            return AbortCodes.NameExists;
        MemoryVnode made = volume.Make(request.Type, request.Mode & ~request.Umask, request.Parent);
        made.Status = made.Status with
        {
            Uid = request.Uid,
            Gid = request.Gid,
            LinkCount = request.Name is null ? 0u : made.Status.LinkCount,
            ModifyTime = request.Time,
            ChangeTime = request.Time,
            SymlinkTarget = request.SymlinkTarget,
        };
        volume.Promise(made.Status.Fid, client);
        if (request.Name is not { } name)
            return new CreateReply { Status = made.Status };
        turn.Edit(parent, request.Time, request.Type == FileType.Directory ? 1 : 0, Set(name, made.Status));
        return new CreateReply { Status = made.Status, Parent = parent.Status };
    });

    public ValueTask<Outcome<RemoveReply>> RemoveAsync(RemoveRequest request) => volume.MutateAsync<RemoveReply>(client, turn =>
    {
        if (turn.Find(request.Parent) is not { } parent)
            return AbortCodes.NoVnode;
        if (!parent.Names.TryGetValue(MemoryVolume.Text(request.Name), out (Fid Fid, FileType Type) entry))
            return AbortCodes.NameNotFound;
        if (request.IsDirectory && turn.Find(entry.Fid)!.Names.Count > 0)
            return AbortCodes.DirectoryNotEmpty;
        turn.Edit(parent, request.Time, request.IsDirectory ? -1 : 0, Unset(request.Name));
        FetchStatus? remaining = turn.DropName(entry.Fid, request.Time);
        return new RemoveReply { Parent = parent.Status, Removed = entry.Fid, Remaining = remaining };
    });

    public ValueTask<Outcome<RenameReply>> RenameAsync(RenameRequest request) => volume.MutateAsync<RenameReply>(client, turn =>
    {
        if (turn.Find(request.FromParent) is not { } from || turn.Find(request.ToParent) is not { } to)
            return AbortCodes.NoVnode;
        if (!from.Names.TryGetValue(MemoryVolume.Text(request.FromName), out (Fid Fid, FileType Type) entry))
            return AbortCodes.NameNotFound;
        bool isTaken = to.Names.TryGetValue(MemoryVolume.Text(request.ToName), out (Fid Fid, FileType Type) taken);
        if (request.Mode == RenameMode.NoReplace && isTaken)
            return AbortCodes.NameExists;
        MemoryVnode moved = turn.Find(entry.Fid)!;
        turn.Touch(moved, s => s with { ChangeTime = request.Time, Parent = s.Type == FileType.Directory ? request.ToParent : default });
        FetchStatus? other = null;
        DirectoryChange source = Unset(request.FromName);
        if (request.Mode == RenameMode.Exchange)
        {
            MemoryVnode back = turn.Find(taken.Fid)!;
            turn.Touch(back, s => s with { ChangeTime = request.Time, Parent = s.Type == FileType.Directory ? request.FromParent : default });
            other = back.Status;
            source = Set(request.FromName, other);
        }
        else if (isTaken)
            other = turn.DropName(taken.Fid, request.Time);
        if (from == to)
            turn.Edit(from, request.Time, 0, source, Set(request.ToName, moved.Status));
        else
        {
            turn.Edit(from, request.Time, 0, source);
            turn.Edit(to, request.Time, 0, Set(request.ToName, moved.Status));
        }
        return new RenameReply
        {
            FromParent = from.Status,
            ToParent = to.Status,
            Moved = moved.Status,
            Other = other,
            Replaced = isTaken && request.Mode == RenameMode.Replace ? taken.Fid : default,
        };
    });

    public ValueTask<Outcome<LinkReply>> LinkAsync(LinkRequest request) => volume.MutateAsync<LinkReply>(client, turn =>
    {
        if (turn.Find(request.Fid) is not { } vnode || turn.Find(request.Parent) is not { } parent)
            return AbortCodes.NoVnode;
        if (parent.Names.ContainsKey(MemoryVolume.Text(request.Name)))
            return AbortCodes.NameExists;
        turn.Touch(vnode, s => s with { LinkCount = s.LinkCount + 1, ChangeTime = request.Time });
        turn.Edit(parent, request.Time, 0, Set(request.Name, vnode.Status));
        return new LinkReply { Status = vnode.Status, Parent = parent.Status };
    });

    public ValueTask<Outcome<StoreDataReply>> StoreDataAsync(StoreDataRequest request) => volume.MutateAsync<StoreDataReply>(client, turn =>
    {
        if (volume.StoreRefusal != default)
            return volume.StoreRefusal;
        if (turn.Find(request.Fid) is not { } vnode)
            return AbortCodes.NoVnode;
        byte[]? content = request.Content;
        if (request.Parts is { } parts)
            content = Whole(vnode, parts, request.Content!);
        else if (content is null && !volume.TakeUpload(request.Upload, out content))
            return AbortCodes.NoUpload;
        if (content is null)
            return AbortCodes.VersionGone;
        if (content.Length != request.LengthBytes || Crc32C.Of(content) != request.Crc32C)
            return AbortCodes.ChecksumMismatch;
        bool unseen = vnode.Status.DataVersion != request.Base;
        if (unseen)
            volume.CountUnseen();
        vnode.Content = content;
        turn.Touch(vnode, s => s with
        {
            DataVersion = s.DataVersion.Next,
            LengthBytes = request.LengthBytes,
            AllocatedBytes = request.AllocatedBytes,
            ContentCrc32C = request.Crc32C,
            ModifyTime = request.ModifyTime,
            ChangeTime = request.ChangeTime,
        });
        volume.Promise(request.Fid, client);
        return new StoreDataReply { Status = vnode.Status, ReplacedUnseen = unseen };
    });

    public ValueTask<Outcome<StoreStatusReply>> StoreStatusAsync(StoreStatusRequest request) => volume.MutateAsync<StoreStatusReply>(client, turn =>
    {
        if (turn.Find(request.Fid) is not { } vnode)
            return AbortCodes.NoVnode;
        turn.Touch(vnode, s => StatusChanges.Apply(s, request));
        return new StoreStatusReply { Status = vnode.Status };
    });

    public ValueTask<Outcome<StoreXattrReply>> StoreXattrAsync(StoreXattrRequest request) => volume.MutateAsync<StoreXattrReply>(client, turn =>
    {
        if (turn.Find(request.Fid) is not { } vnode)
            return AbortCodes.NoVnode;
        if (request.Value is { } value)
            vnode.Xattrs[MemoryVolume.Text(request.Name)] = value;
        else if (!vnode.Xattrs.Remove(MemoryVolume.Text(request.Name)))
            return AbortCodes.NoXattr;
        turn.Touch(vnode, s => s with { ChangeTime = request.ChangeTime, HasXattrs = vnode.Xattrs.Count > 0, XattrsVersion = s.StatusVersion.Next });
        return new StoreXattrReply { Status = vnode.Status };
    });

    public ValueTask<Outcome<ReleaseUnnamedReply>> ReleaseUnnamedAsync(ReleaseUnnamedRequest request) => volume.MutateAsync<ReleaseUnnamedReply>(client, turn =>
    {
        if (turn.Find(request.Fid) is { Status.LinkCount: 0 })
            volume.Delete(request.Fid);
        return new ReleaseUnnamedReply();
    });

    public Outcome<UploadReply> Upload(UploadRequest request, byte[] content)
    {
        if (request.Parts is { } parts)
        {
            byte[]? whole = volume.Read(v => Whole(v.Find(request.Fid), parts, content));
            if (whole is null)
                return AbortCodes.VersionGone;
            content = whole;
        }
        volume.PutUpload(request.Upload, content);
        return new UploadReply { Upload = request.Upload, LengthBytes = content.Length, Crc32C = Crc32C.Of(content) };
    }

    /// <summary>Null: the base isn't current.</summary>
    private static byte[]? Whole(MemoryVnode? vnode, ContentParts parts, byte[] sent)
    {
        byte[] whole = new byte[parts.LengthBytes];
        if (parts.Base != DataVersion.None)
        {
            if (vnode is null || vnode.Status.DataVersion != parts.Base)
                return null;
            vnode.Content.CopyTo(whole, 0);
        }
        int from = 0;
        foreach (Extent extent in parts.Extents)
        {
            sent.AsSpan(from, (int)extent.LengthBytes).CopyTo(whole.AsSpan((int)extent.OffsetBytes));
            from += (int)extent.LengthBytes;
        }
        return whole;
    }

    private static DirectoryChange Set(byte[] name, FetchStatus status) => new() { Name = name, IsSet = true, Fid = status.Fid, Type = status.Type };

    private static DirectoryChange Unset(byte[] name) => new() { Name = name, IsSet = false };
}
