namespace Afs.Vice.Volumes.Status;

/// <summary>Permission bits (inode(7)).</summary>
public static class ModeBits
{
    public const uint All = 0xFFF;        // 07777
    public const uint SetUserId = 0x800;  // 04000
    public const uint SetGroupId = 0x400; // 02000
    public const uint GroupExecute = 0x8; // 00010

    /// <summary>What a write by somebody without privilege leaves of a mode: no set-user-id; set-group-id only where it marks mandatory locking, i.e. without group execute.</summary>
    public static uint KillSetId(uint mode)
    {
        mode &= ~SetUserId;
        return (mode & GroupExecute) != 0 ? mode & ~SetGroupId : mode;
    }
}
