using Afs.Rpc;
using Afs.Vice.Volumes.Mutations;
using Afs.Wire;

namespace Afs.Vice.Volumes.Directories;

/// <summary>link(2), and the first name of an object that had none.</summary>
internal static class LinkName
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
            scope.Transaction.DeleteUnnamed(target.Fid.Volume, target.Fid.Vnode);
        return new LinkReply { Status = scope.Promise(request.Fid), Parent = scope.Promise(request.Parent) };
    }
}
