using System.Collections.Frozen;
using Afs.Fuse;
using Afs.Rpc;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>The one place where a failure becomes an errno (as fs/afs/misc.c of Linux does it).</summary>
public static class VfsErrors
{
    private static readonly FrozenDictionary<AbortCode, Errno> OfAborts = new Dictionary<AbortCode, Errno>
    {
        // ESTALE makes the kernel look the path up again and repeat the system call once.
        [AbortCodes.NoVnode] = Errno.ESTALE,
        [AbortCodes.NameChanged] = Errno.ESTALE,
        [AbortCodes.VersionGone] = Errno.ESTALE,
        [AbortCodes.NoVolume] = Errno.ENODEV,
        [AbortCodes.NameNotFound] = Errno.ENOENT,
        [AbortCodes.NameExists] = Errno.EEXIST,
        [AbortCodes.NotADirectory] = Errno.ENOTDIR,
        [AbortCodes.IsADirectory] = Errno.EISDIR,
        [AbortCodes.DirectoryNotEmpty] = Errno.ENOTEMPTY,
        [AbortCodes.BadName] = Errno.EINVAL,
        [AbortCodes.BadArgument] = Errno.EINVAL,
        [AbortCodes.TooManyLinks] = Errno.EMLINK,
        [AbortCodes.WouldLoop] = Errno.EINVAL,
        [AbortCodes.NoSpace] = Errno.ENOSPC,
        [AbortCodes.OverQuota] = Errno.EDQUOT,
        [AbortCodes.FileTooLarge] = Errno.EFBIG,
        [AbortCodes.ReadOnlyVolume] = Errno.EROFS,
        [AbortCodes.ChecksumMismatch] = Errno.EIO,
        [AbortCodes.NoUpload] = Errno.EIO,
        [AbortCodes.NoXattr] = Errno.ENODATA,
        [AbortCodes.XattrExists] = Errno.EEXIST,
        [AbortCodes.XattrTooLarge] = Errno.ENOSPC,
        [AbortCodes.NotPermitted] = Errno.EACCES,
        [AbortCodes.ServerDiskFailed] = Errno.EIO,
        [AbortCodes.CrossesVolumes] = Errno.EXDEV,
        [AbortCodes.Busy] = Errno.EBUSY,
    }.ToFrozenDictionary();

    /// <summary>The errno of a failure; <see cref="Errno.None"/> of none.</summary>
    public static Errno ToErrno(this Failure failure) => failure.Kind switch
    {
        FailureKind.None => Errno.None,
        FailureKind.Refused => ToErrno(failure.Abort),
        FailureKind.Unreachable => Errno.ETIMEDOUT,
        FailureKind.InDoubt => Errno.ETIMEDOUT,
        FailureKind.Interrupted => Errno.EINTR,
        FailureKind.CacheFull => Errno.ENOSPC,
        FailureKind.CacheDiskFailed => Errno.EIO,
        FailureKind.TooManyOpenFiles => Errno.ENFILE,
        FailureKind.RemovedMeanwhile => Errno.ESTALE,
        FailureKind.ContentDamaged => Errno.EIO,
        FailureKind.ShuttingDown => Errno.ENOTCONN,
        _ => throw new InvalidOperationException($"Failure kind {failure.Kind} has no errno."),
    };

    /// <summary>The errno of a refusal. The Rpc layer's own, and those of a server newer than this client, are EIO.</summary>
    public static Errno ToErrno(AbortCode abort) => OfAborts.GetValueOrDefault(abort, Errno.EIO);

    public static bool IsGone(this Failure failure) => failure.Kind == FailureKind.Refused && failure.Abort == AbortCodes.NoVnode;
}
