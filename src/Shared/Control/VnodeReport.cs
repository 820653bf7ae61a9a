namespace Afs.Control;

/// <summary>What Venus knows of a file, folder or other object.</summary>
public sealed record VnodeReport
{
    public required string Path { get; init; }

    /// <summary>Volume, vnode and uniquifier.</summary>
    public required string Fid { get; init; }

    /// <summary>file, directory, symlink, and so on.</summary>
    public required string Type { get; init; }

    public required string Server { get; init; }

    public required string Volume { get; init; }

    public required long LengthBytes { get; init; }

    /// <summary>In octal, as chmod takes it.</summary>
    public required string Mode { get; init; }

    public required uint Uid { get; init; }

    public required uint Gid { get; init; }

    /// <summary>Rises with each change of the content, or of a folder's entries.</summary>
    public required ulong DataVersion { get; init; }

    /// <summary>Rises with each change at all.</summary>
    public required ulong StatusVersion { get; init; }

    /// <summary>The server will tell before it changes.</summary>
    public required bool IsPromised { get; init; }

    /// <summary>A file: its whole content of this version is on the local disk. A folder: its entries are in memory.</summary>
    public required bool IsCached { get; init; }

    /// <summary>Of an older version, which a use of the file still needs, or which the server is asked about before it is used again.</summary>
    public ulong? CachedVersion { get; init; }

    /// <summary>What the cached copy occupies on the local disk.</summary>
    public long CachedBytes { get; init; }

    /// <summary>It has changes that are not stored yet.</summary>
    public bool IsDirty { get; init; }

    public bool IsOpen { get; init; }

    public bool IsOpenForWriting { get; init; }
}
