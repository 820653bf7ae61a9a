using Afs.Rpc;
using Afs.Vice.Volumes.Metadata;
using Afs.Vice.Volumes.Mutations;
using Afs.Wire;

namespace Afs.Vice.Volumes.Directories;

/// <summary>rename(2) and renameat2(2) with RENAME_NOREPLACE or RENAME_EXCHANGE.</summary>
internal static class RenameName
{
    public static Outcome<RenameReply> Run(MutationScope scope, RenameRequest request)
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
        FetchStatus moved = Links.Target(scope, fromEntry);
        FetchStatus? other = toEntry is null ? null : Links.Target(scope, toEntry);
        if (Refusal(scope, request, moved, other) is { } refusal)
            return refusal;

        if (moved.Fid == other?.Fid)
            return Unchanged(scope, request, moved);
        return request.Mode == RenameMode.Exchange
            ? Exchange(scope, request, moved, other!)
            : Move(scope, request, moved, other);
    }

    /// <summary>The order is Linux's (fs/namei.c, do_renameat2 and vfs_rename), so that callers see the errno that they expect.</summary>
    private static AbortCode? Refusal(MutationScope scope, RenameRequest request, FetchStatus moved, FetchStatus? other)
    {
        if (request.Mode == RenameMode.NoReplace && other is not null)
            return AbortCodes.NameExists;
        if (request.Mode == RenameMode.Exchange && other is null)
            return AbortCodes.NameNotFound;
        if (moved.Type == FileType.Directory && Ancestry.Includes(scope, request.ToParent, moved.Fid))
            return AbortCodes.WouldLoop;
        if (other?.Type == FileType.Directory && Ancestry.Includes(scope, request.FromParent, other.Fid))
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
