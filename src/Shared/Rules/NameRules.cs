using Afs.Rpc;
using Afs.Wire;

namespace Afs.Rules;

/// <summary>How a directory's own status follows its entries.</summary>
public static class DirectoryRules
{
    /// <summary>What an entry adds to its directory's length, beside its name.</summary>
    private const int EntryOverheadBytes = 24;

    public const uint EmptyLinkCount = 2;

    /// <summary>The directory with its times set and its length and subdirectories counted.</summary>
    public static FetchStatus Touched(FetchStatus directory, Timestamp time, int nameBytesAdded = 0, int entriesAdded = 0, int subdirectoriesAdded = 0)
    {
        long length = Math.Max(0, directory.LengthBytes + nameBytesAdded + (long)EntryOverheadBytes * entriesAdded);
        return directory with
        {
            ModifyTime = time,
            ChangeTime = time,
            LengthBytes = length,
            AllocatedBytes = length,
            LinkCount = checked((uint)(directory.LinkCount + subdirectoriesAdded)),
        };
    }

    public static int Subdirectories(FetchStatus vnode) => vnode.Type == FileType.Directory ? 1 : 0;
}

/// <summary>Makes a vnode of any type, with its first name or without one: open(O_CREAT), mkdir, symlink, mknod, O_TMPFILE.</summary>
public static class CreateObject
{
    public static Outcome<CreateReply> Run(MutationScope scope, CreateRequest request)
    {
        if (scope.Find(request.Parent) is not { } parent)
            return scope.Missing(request.Parent);
        if (parent.Type != FileType.Directory)
            return AbortCodes.NotADirectory;
        if (request.Name is not null && scope.FindEntry(request.Parent, request.Name) is not null)
            return AbortCodes.NameExists;
        bool isGiven = request.Given != default;
        if (isGiven && (request.Given.Volume != request.Parent.Volume || !scope.MayUse(request.Given)))
            return AbortCodes.FidNotLeased;

        (uint mode, List<Xattr> xattrs) = Rights(scope, request, parent);
        if (InheritedMark(scope, request.Type, parent) is { } mark)
            xattrs.Add(mark);
        FetchStatus made = Make(isGiven ? request.Given : scope.Allocate(request.Parent.Volume), request, parent, mode) with
        {
            HasXattrs = xattrs.Count > 0,
            Lists = AccessListRows.Of(xattrs),
        };
        scope.Add(made);
        if (request.Name is not null)
        {
            scope.SetName(request.Parent, request.Name, made.Fid, made.Type);
            scope.Change(DirectoryRules.Touched(parent, request.Time, request.Name.Length, entriesAdded: 1, DirectoryRules.Subdirectories(made)));
        }
        scope.Apply();
        if (isGiven)
            scope.Written.Use(made.Fid);
        if (request.Name is null)
            scope.Written.PutUnnamed(made.Fid);
        foreach (Xattr xattr in xattrs)
            scope.Written.PutXattr(made.Fid, xattr.Name, xattr.Value);
        return new CreateReply
        {
            Xattrs = xattrs,
            Status = scope.Promise(made.Fid),
            Parent = request.Name is null ? null : scope.Promise(request.Parent),
        };
    }

    /// <summary>The mode and the access lists that it begins with (posix_acl_create in fs/posix_acl.c).</summary>
    private static (uint Mode, List<Xattr> Lists) Rights(MutationScope scope, CreateRequest request, FetchStatus parent)
    {
        uint mode = request.Mode & ModeBits.All;
        if (request.Type == FileType.Symlink)
            return (mode, []);
        byte[]? defaults = parent.Lists.HasFlag(AccessLists.Default) ? AccessListRows.Find(scope, parent.Fid, AccessLists.Default) : null;
        if (defaults is null)
            return (mode & ~(request.Umask & ModeBits.Permissions), []);
        (byte[]? list, mode) = AccessList.Inherit(defaults, mode);
        List<Xattr> lists = [];
        if (list is not null)
            lists.Add(new Xattr { Name = AccessList.AccessName.ToArray(), Value = list });
        if (request.Type == FileType.Directory)
            lists.Add(new Xattr { Name = AccessList.DefaultName.ToArray(), Value = defaults });
        return (mode, lists);
    }

    /// <summary><see cref="WellKnownXattrs.Synchronous"/> as a directory hands it on; null: it hasn't got it.</summary>
    private static Xattr? InheritedMark(MutationScope scope, FileType type, FetchStatus parent) =>
        parent.HasXattrs && type is (FileType.Regular or FileType.Directory)
            ? scope.ReadXattrs(parent.Fid).FirstOrDefault(static x => x.Name.AsSpan().SequenceEqual(WellKnownXattrs.Synchronous))
            : null;

    private static FetchStatus Make(Fid fid, CreateRequest request, FetchStatus parent, uint mode)
    {
        bool isDirectory = request.Type == FileType.Directory;
        bool inheritsGroup = (parent.Mode & ModeBits.SetGroupId) != 0;
        return new FetchStatus
        {
            Fid = fid,
            Type = request.Type,
            Mode = isDirectory && inheritsGroup ? mode | ModeBits.SetGroupId : mode,
            Uid = request.Uid,
            Gid = inheritsGroup ? parent.Gid : request.Gid,
            LengthBytes = request.SymlinkTarget?.Length ?? 0,
            AllocatedBytes = 0,
            LinkCount = isDirectory ? DirectoryRules.EmptyLinkCount : request.Name is null ? 0u : 1u,
            DataVersion = DataVersion.None,
            StatusVersion = default,
            AccessTime = request.Time,
            ModifyTime = request.Time,
            ChangeTime = request.Time,
            Parent = isDirectory ? parent.Fid : default,
            DeviceNumber = request.DeviceNumber,
            SymlinkTarget = request.SymlinkTarget,
        };
    }
}

/// <summary>link(2), and the first name of an object that had none.</summary>
public static class LinkName
{
    public static Outcome<LinkReply> Run(MutationScope scope, LinkRequest request)
    {
        if (scope.Find(request.Fid) is not { } target)
            return scope.Missing(request.Fid);
        if (scope.Find(request.Parent) is not { } parent)
            return scope.Missing(request.Parent);
        if (parent.Type != FileType.Directory)
            return AbortCodes.NotADirectory;
        if (target.Type == FileType.Directory)
            return AbortCodes.IsADirectory;
        if (scope.FindEntry(request.Parent, request.Name) is not null)
            return AbortCodes.NameExists;
        if (target.LinkCount >= Limits.LinksPerVnode)
            return AbortCodes.TooManyLinks;

        bool wasUnnamed = target.LinkCount == 0;
        scope.Change(target with { LinkCount = target.LinkCount + 1, ChangeTime = request.Time });
        scope.SetName(request.Parent, request.Name, target.Fid, target.Type);
        scope.Change(DirectoryRules.Touched(parent, request.Time, request.Name.Length, entriesAdded: 1));
        scope.Apply();
        if (wasUnnamed)
            scope.Written.DeleteUnnamed(target.Fid);
        return new LinkReply { Status = scope.Promise(request.Fid), Parent = scope.Promise(request.Parent) };
    }
}

/// <summary>unlink(2) and rmdir(2).</summary>
public static class RemoveName
{
    public static Outcome<RemoveReply> Run(MutationScope scope, RemoveRequest request)
    {
        if (scope.Find(request.Parent) is not { } parent)
            return scope.Missing(request.Parent);
        if (parent.Type != FileType.Directory)
            return AbortCodes.NotADirectory;
        if (scope.FindEntry(request.Parent, request.Name) is not { } entry)
            return AbortCodes.NameNotFound;
        if (request.Expected != default && request.Expected != entry.Target)
            return AbortCodes.NameChanged;
        FetchStatus target = scope.Target(entry);
        if (Refusal(scope, request, target) is { } refusal)
            return refusal;

        scope.RemoveName(request.Parent, request.Name);
        scope.Change(DirectoryRules.Touched(
            parent, request.Time, -request.Name.Length, entriesAdded: -1, -DirectoryRules.Subdirectories(target)));
        bool remains = Links.Drop(scope, target, request.Time);
        scope.Apply();
        return new RemoveReply
        {
            Parent = scope.Promise(request.Parent),
            Removed = target.Fid,
            Remaining = remains ? scope.Promise(target.Fid) : null,
        };
    }

    private static AbortCode? Refusal(MutationScope scope, RemoveRequest request, FetchStatus target)
    {
        bool isDirectory = target.Type == FileType.Directory;
        if (request.IsDirectory && !isDirectory)
            return AbortCodes.NotADirectory;
        if (!request.IsDirectory && isDirectory)
            return AbortCodes.IsADirectory;
        return isDirectory && scope.HasEntries(target.Fid) ? AbortCodes.DirectoryNotEmpty : null;
    }
}

/// <summary>rename(2) and renameat2(2) with RENAME_NOREPLACE or RENAME_EXCHANGE.</summary>
public static class RenameName
{
    /// <param name="ancestry">Of both directories, where they are two.</param>
    /// <exception cref="Exception">What <paramref name="ancestry"/> throws where it can't say.</exception>
    public static Outcome<RenameReply> Run(MutationScope scope, RenameRequest request, IAncestry ancestry)
    {
        if (scope.Find(request.FromParent) is not { } fromParent)
            return scope.Missing(request.FromParent);
        if (scope.Find(request.ToParent) is not { } toParent)
            return scope.Missing(request.ToParent);
        if (fromParent.Type != FileType.Directory || toParent.Type != FileType.Directory)
            return AbortCodes.NotADirectory;
        if (scope.FindEntry(request.FromParent, request.FromName) is not { } fromEntry)
            return AbortCodes.NameNotFound;
        EntryRecord? toEntry = scope.FindEntry(request.ToParent, request.ToName);
        FetchStatus moved = scope.Target(fromEntry);
        FetchStatus? other = toEntry is null ? null : scope.Target(toEntry);
        if (Refusal(scope, request, moved, other, ancestry) is { } refusal)
            return refusal;

        if (moved.Fid == other?.Fid)
            return Unchanged(scope, request, moved);
        if (request.FromParent != request.ToParent)
            Note(ancestry, moved, other);
        return request.Mode == RenameMode.Exchange
            ? Exchange(scope, request, moved, other!)
            : Move(scope, request, moved, other);
    }

    private static void Note(IAncestry ancestry, FetchStatus moved, FetchStatus? other)
    {
        if (moved.Type == FileType.Directory)
            ancestry.Moves(moved.Fid);
        if (other?.Type == FileType.Directory)
            ancestry.Moves(other.Fid);
    }

    /// <summary>
    /// The order is Linux's (fs/namei.c, do_renameat2 and vfs_rename), so that callers see the errno that they expect. Within one directory nothing can
    /// come to be below itself.
    /// </summary>
    private static AbortCode? Refusal(MutationScope scope, RenameRequest request, FetchStatus moved, FetchStatus? other, IAncestry ancestry)
    {
        bool isWithinOne = request.FromParent == request.ToParent;
        if (request.Mode == RenameMode.NoReplace && other is not null)
            return AbortCodes.NameExists;
        if (request.Mode == RenameMode.Exchange && other is null)
            return AbortCodes.NameNotFound;
        if (!isWithinOne && moved.Type == FileType.Directory && ancestry.Includes(request.ToParent, moved.Fid))
            return AbortCodes.WouldLoop;
        if (!isWithinOne && other?.Type == FileType.Directory && ancestry.Includes(request.FromParent, other.Fid))
            return request.Mode == RenameMode.Exchange ? AbortCodes.WouldLoop : AbortCodes.DirectoryNotEmpty;
        if (other is null || request.Mode == RenameMode.Exchange || moved.Fid == other.Fid)
            return null;
        if (moved.Type == FileType.Directory && other.Type != FileType.Directory)
            return AbortCodes.NotADirectory;
        if (moved.Type != FileType.Directory && other.Type == FileType.Directory)
            return AbortCodes.IsADirectory;
        return other.Type == FileType.Directory && scope.HasEntries(other.Fid) ? AbortCodes.DirectoryNotEmpty : null;
    }

    /// <summary>Both names stand for the same file: rename(2) does nothing, and says so by success.</summary>
    private static Outcome<RenameReply> Unchanged(MutationScope scope, RenameRequest request, FetchStatus moved) => new RenameReply
    {
        FromParent = scope.Promise(request.FromParent),
        ToParent = scope.Promise(request.ToParent),
        Moved = scope.Promise(moved.Fid),
    };

    private static Outcome<RenameReply> Move(MutationScope scope, RenameRequest request, FetchStatus moved, FetchStatus? other)
    {
        scope.RemoveName(request.FromParent, request.FromName);
        scope.SetName(request.ToParent, request.ToName, moved.Fid, moved.Type);
        int subdirectories = DirectoryRules.Subdirectories(moved);
        Touch(scope, request.FromParent, request.Time, -request.FromName.Length, -1, -subdirectories);
        if (other is null)
            Touch(scope, request.ToParent, request.Time, request.ToName.Length, 1, subdirectories);
        else
            Touch(scope, request.ToParent, request.Time, 0, 0, subdirectories - DirectoryRules.Subdirectories(other));
        scope.Change(Placed(moved, request.ToParent, request.Time));
        bool otherRemains = other is not null && Links.Drop(scope, other, request.Time);
        scope.Apply();
        return new RenameReply
        {
            FromParent = scope.Promise(request.FromParent),
            ToParent = scope.Promise(request.ToParent),
            Moved = scope.Promise(moved.Fid),
            Other = otherRemains ? scope.Promise(other!.Fid) : null,
            Replaced = other?.Fid ?? default,
        };
    }

    private static Outcome<RenameReply> Exchange(MutationScope scope, RenameRequest request, FetchStatus moved, FetchStatus other)
    {
        scope.SetName(request.FromParent, request.FromName, other.Fid, other.Type);
        scope.SetName(request.ToParent, request.ToName, moved.Fid, moved.Type);
        int subdirectories = DirectoryRules.Subdirectories(moved) - DirectoryRules.Subdirectories(other);
        Touch(scope, request.FromParent, request.Time, 0, 0, -subdirectories);
        Touch(scope, request.ToParent, request.Time, 0, 0, subdirectories);
        scope.Change(Placed(moved, request.ToParent, request.Time));
        scope.Change(Placed(other, request.FromParent, request.Time));
        scope.Apply();
        return new RenameReply
        {
            FromParent = scope.Promise(request.FromParent),
            ToParent = scope.Promise(request.ToParent),
            Moved = scope.Promise(moved.Fid),
            Other = scope.Promise(other.Fid),
        };
    }

    /// <summary>Reads the directory again, for both may be the same one.</summary>
    private static void Touch(MutationScope scope, Fid directory, Timestamp time, int nameBytes, int entries, int subdirectories) =>
        scope.Change(DirectoryRules.Touched(scope.Find(directory)!, time, nameBytes, entries, subdirectories));

    private static FetchStatus Placed(FetchStatus vnode, Fid parent, Timestamp time) =>
        vnode with { ChangeTime = time, Parent = vnode.Type == FileType.Directory ? parent : default };
}

/// <summary>The last close of an object that never got a name.</summary>
public static class ReleaseUnnamed
{
    public static Outcome<ReleaseUnnamedReply> Run(MutationScope scope, ReleaseUnnamedRequest request)
    {
        // Gone already, or linked meanwhile: what the caller wants is so.
        if (scope.Find(request.Fid) is { LinkCount: 0 })
        {
            scope.Delete(request.Fid);
            scope.Apply();
        }
        return new ReleaseUnnamedReply();
    }
}

/// <summary>What becomes of what a name stands for when it goes.</summary>
internal static class Links
{
    /// <summary>One name less. True: others are left. A vnode without any is gone, as is a directory.</summary>
    public static bool Drop(MutationScope scope, FetchStatus target, Timestamp time)
    {
        if (target.Type == FileType.Directory || target.LinkCount <= 1)
        {
            scope.Delete(target.Fid);
            return false;
        }
        scope.Change(target with { LinkCount = target.LinkCount - 1, ChangeTime = time });
        return true;
    }
}
