namespace Afs.Fuse.Abi;

/// <summary>What a message that answers no request tells the kernel (<c>enum fuse_notify_code</c>).</summary>
internal enum FuseNotifyCode
{
    InvalidateInode = 2,
    InvalidateEntry = 3,
    Delete = 6,
    Resend = 7,
    IncrementEpoch = 8,
}
