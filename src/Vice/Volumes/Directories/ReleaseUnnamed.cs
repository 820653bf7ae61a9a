using Afs.Rpc;
using Afs.Vice.Volumes.Mutations;
using Afs.Wire;

namespace Afs.Vice.Volumes.Directories;

/// <summary>The last close of an object that never got a name.</summary>
internal static class ReleaseUnnamed
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
