using Afs.Rpc;
using Afs.Vice.Volumes.Mutations;
using Afs.Wire;

namespace Afs.Vice.Volumes.Directories;

/// <summary>unlink(2) and rmdir(2).</summary>
internal static class RemoveName
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
        FetchStatus target = Links.Target(scope, entry);
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
