using Afs.Rpc;
using Afs.Vice.Volumes.Mutations;
using Afs.Wire;

namespace Afs.Vice.Volumes.Status;

/// <summary>chmod, chown and utimensat.</summary>
internal static class StoreStatus
{
    public static Outcome<StoreStatusReply> Run(MutationScope scope, StoreStatusRequest request)
    {
        if (scope.Find(request.Fid) is not { } status)
            return scope.Missing(request.Fid);
        scope.Change(Changed(status, request));
        scope.Apply();
        return new StoreStatusReply { Status = scope.Promise(request.Fid) };
    }

    private static FetchStatus Changed(FetchStatus status, StoreStatusRequest request)
    {
        StatusFields fields = request.Fields;
        uint mode = fields.HasFlag(StatusFields.Mode) ? request.Mode & ModeBits.All : status.Mode;
        return status with
        {
            Mode = fields.HasFlag(StatusFields.KillSetId) ? ModeBits.KillSetId(mode) : mode,
            Uid = fields.HasFlag(StatusFields.Uid) ? request.Uid : status.Uid,
            Gid = fields.HasFlag(StatusFields.Gid) ? request.Gid : status.Gid,
            AccessTime = fields.HasFlag(StatusFields.AccessTime) ? request.AccessTime : status.AccessTime,
            ModifyTime = fields.HasFlag(StatusFields.ModifyTime) ? request.ModifyTime : status.ModifyTime,
            ChangeTime = request.ChangeTime,
        };
    }
}
