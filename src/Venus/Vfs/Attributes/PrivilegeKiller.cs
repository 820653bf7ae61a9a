using Afs.Fuse;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>
/// Clears set-user-id, set-group-id and file capabilities when somebody without the right to keep them changes a file
/// (FUSE_HANDLE_KILLPRIV_V2: the kernel says when, the filesystem does it).
/// </summary>
internal sealed class PrivilegeKiller(ICacheManager cache)
{
    private static readonly byte[] Capability = "security.capability"u8.ToArray();

    public async ValueTask<Errno> KillAsync(Node node, CancellationToken cancellation)
    {
        Result<FetchStatus> status = await cache.Statuses.GetAsync(node.Fid, cancellation);
        if (!status.IsSuccess)
            return status.Failure.ToErrno();

        if ((status.Value.Mode & (FileModes.SetUserId | FileModes.SetGroupId)) != 0)
        {
            var request = new StoreStatusRequest { Fid = node.Fid, Fields = StatusFields.KillSetId, ChangeTime = cache.Operations.Now };
            Result<FetchStatus> set = await cache.Operations.SetStatusAsync(request, cancellation);
            if (!set.IsSuccess)
                return set.Failure.ToErrno();
        }

        return status.Value.HasXattrs ? await KillCapabilityAsync(node.Fid, cancellation) : Errno.None;
    }

    /// <summary>Removes file capabilities, if there are any.</summary>
    public async ValueTask<Errno> KillCapabilityAsync(Fid fid, CancellationToken cancellation)
    {
        Failure removed = await cache.Operations.SetXattrAsync(fid, Capability, null, XattrMode.CreateOrReplace, cancellation);
        bool hadNone = removed.Kind == FailureKind.Refused && removed.Abort == AbortCodes.NoXattr;
        return hadNone ? Errno.None : removed.ToErrno();
    }
}
