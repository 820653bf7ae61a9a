using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// Changes of a status that need no call, since the store of what is being written says them too: the modification time of a file that somebody here
/// has open for writing, and has changed since it was last stored, is its writer's until the next close or fsync, as its length and content are;
/// and an owner or mode that it has already is none. So tar, which sets all of them before each close, waits for two calls less.
/// </summary>
internal sealed class UnstoredStatus(Statuses statuses, ContainerTable containers, ContentUses uses)
{
    private const StatusFields Kept = StatusFields.ModifyTime | StatusFields.Mode | StatusFields.Uid | StatusFields.Gid | StatusFields.KillSetId;

    /// <summary>False: the server must be told.</summary>
    public bool TryKeep(StoreStatusRequest request, out FetchStatus status)
    {
        if (!statuses.TryGet(request.Fid, out status) || !IsInStore(request, status))
            return false;
        if (!containers.TryPeek(request.Fid, out Container? container) || !container.HasWriters || !container.TryPin())
            return false;
        try
        {
            return container.TrySetUnstoredTime(request.Fields.HasFlag(StatusFields.ModifyTime) ? request.ModifyTime : null);
        }
        finally
        {
            uses.Ended(container, wasWriting: false);
        }
    }

    private static bool IsInStore(StoreStatusRequest request, FetchStatus status)
    {
        FetchStatus after = StatusChanges.Apply(status, request);
        return (request.Fields & ~Kept) == 0 && after.Mode == status.Mode && after.Uid == status.Uid && after.Gid == status.Gid;
    }
}
