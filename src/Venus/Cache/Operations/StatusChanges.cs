using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>What a StoreStatus does to a status, for a vnode that the server no longer has.</summary>
internal static class StatusChanges
{
    private const uint SetUserId = 0x800, SetGroupId = 0x400, GroupExecute = 0x8;

    public static FetchStatus Apply(FetchStatus status, StoreStatusRequest request)
    {
        StatusFields fields = request.Fields;
        uint mode = fields.HasFlag(StatusFields.Mode) ? request.Mode : status.Mode;
        return status with
        {
            Mode = fields.HasFlag(StatusFields.KillSetId) ? WithoutSetId(mode) : mode,
            Uid = fields.HasFlag(StatusFields.Uid) ? request.Uid : status.Uid,
            Gid = fields.HasFlag(StatusFields.Gid) ? request.Gid : status.Gid,
            AccessTime = fields.HasFlag(StatusFields.AccessTime) ? request.AccessTime : status.AccessTime,
            ModifyTime = fields.HasFlag(StatusFields.ModifyTime) ? request.ModifyTime : status.ModifyTime,
            ChangeTime = request.ChangeTime,
        };
    }

    private static uint WithoutSetId(uint mode) => mode & ~((mode & GroupExecute) != 0 ? SetUserId | SetGroupId : SetUserId);
}
