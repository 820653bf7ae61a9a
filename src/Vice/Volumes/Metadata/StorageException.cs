namespace Afs.Vice.Volumes.Metadata;

/// <summary>Why the metadata could not be read or written.</summary>
public enum StorageFailure
{
    /// <summary>The disk failed, or something unforeseen. What a commit did is unknown until the store is opened again.</summary>
    Failed,

    /// <summary>No room. Nothing was changed.</summary>
    NoSpace,

    /// <summary>What is there isn't what was written.</summary>
    Corrupt,

    /// <summary>Written by a newer program.</summary>
    NewerFormat,

    /// <summary>Written by an older program, and opened for reading only.</summary>
    OlderFormat,

    /// <summary>Another process writes to it.</summary>
    InUse,

    NoPermission,
}

/// <summary>The metadata store failed.</summary>
public sealed class StorageException(StorageFailure failure, string message, Exception? inner = null) : Exception(message, inner)
{
    public StorageFailure Failure { get; } = failure;
}
