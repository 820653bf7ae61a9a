using Afs.Rpc;
using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Metadata;
using Afs.Vice.Volumes.Mutations;
using Afs.Wire;

namespace Afs.Vice.Service;

/// <summary>What goes with a session: its replies, and its objects that never got a name.</summary>
internal static class SessionEnd
{
    /// <summary>Contents that nothing refers to once this is committed.</summary>
    public static IReadOnlyList<ObjectId> Run(IMetadataTransaction transaction, BatchVolumes volumes, SessionId session, DateTimeOffset now)
    {
        transaction.DeleteSession(session);
        var scope = new MutationScope(transaction, volumes, session, default, now);
        foreach ((Fid fid, _) in transaction.ReadUnnamed().Where(unnamed => unnamed.Session == session))
        {
            if (scope.Find(fid) is { LinkCount: 0 })
                scope.Delete(fid);
        }
        scope.Apply();
        return scope.Changes.Retired;
    }
}
