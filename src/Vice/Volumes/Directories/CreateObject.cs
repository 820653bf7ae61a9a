using Afs.Rpc;
using Afs.Vice.Volumes.Mutations;
using Afs.Vice.Volumes.Status;
using Afs.Wire;

namespace Afs.Vice.Volumes.Directories;

/// <summary>Makes a vnode of any type, with its first name or without one: open(O_CREAT), mkdir, symlink, mknod, O_TMPFILE.</summary>
internal static class CreateObject
{
    public static Outcome<CreateReply> Run(MutationScope scope, CreateRequest request)
    {
        if (scope.Find(request.Parent) is not { } parent)
            return scope.Missing(request.Parent);
        if (parent.Type != FileType.Directory)
            return AbortCodes.NotADirectory;
        if (request.Name is not null && scope.FindEntry(request.Parent, request.Name) is not null)
            return AbortCodes.NameExists;

        FetchStatus made = Make(scope.Allocate(request.Parent.Volume), request, parent);
        scope.Add(made);
        if (request.Name is not null)
        {
            scope.SetName(request.Parent, request.Name, made.Fid, made.Type);
            scope.Change(DirectoryRules.Touched(parent, request.Time, request.Name.Length, entriesAdded: 1, DirectoryRules.Subdirectories(made)));
        }
        scope.Apply();
        if (request.Name is null)
            scope.Transaction.PutUnnamed(made.Fid, scope.Session);
        return new CreateReply
        {
            Status = scope.Promise(made.Fid),
            Parent = request.Name is null ? null : scope.Promise(request.Parent),
        };
    }

    private static FetchStatus Make(Fid fid, CreateRequest request, FetchStatus parent)
    {
        bool isDirectory = request.Type == FileType.Directory;
        bool inheritsGroup = (parent.Mode & ModeBits.SetGroupId) != 0;
        uint mode = request.Mode & ModeBits.All;
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
