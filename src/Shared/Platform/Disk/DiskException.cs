namespace Afs.Platform;

/// <summary>Why a disk operation failed.</summary>
public enum DiskFailure
{
    /// <summary>The disk itself failed, or something unforeseen.</summary>
    Failed,
    NoSpace,
    NotFound,
    Exists,
    NoPermission,
    ReadOnly,
    TooManyOpenFiles,
}

/// <summary>A disk operation that failed. <see cref="Failure"/> says why; the message names the file.</summary>
public sealed class DiskException(DiskFailure failure, string message, Exception? inner = null) : IOException(message, inner)
{
    public DiskFailure Failure { get; } = failure;
}
