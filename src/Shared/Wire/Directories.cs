using Afs.Rpc;

namespace Afs.Wire;

/// <summary>A name in a directory.</summary>
[WireMessage]
public sealed partial record DirectoryEntry
{
    /// <summary>1 to 255 bytes, any but NUL and '/'; not '.' or '..'.</summary>
    [Key(0), Limit(Limits.NameBytes)] public required byte[] Name { get; init; }
    [Key(1)] public required Fid Fid { get; init; }
    [Key(2)] public required FileType Type { get; init; }

    /// <summary>Where statuses were asked for; null else, or where the vnode changed meanwhile. Promised.</summary>
    [Key(3)] public FetchStatus? Status { get; init; }
}

/// <summary>
/// Asks for a page of a directory's entries. Pages are in the order of names as bytes.
/// Pages of one listing may come from different versions: the reply of each says which, and the caller then asks for the changes
/// since the first page's version and applies them, which is right because each change sets or removes one name.
/// </summary>
[WireMessage]
public sealed partial record FetchDirectoryRequest
{
    [Key(0)] public required Fid Directory { get; init; }

    /// <summary>Not default: the caller has this version and wants only what changed since, if the server still knows.</summary>
    [Key(1)] public DataVersion Have { get; init; }

    /// <summary>The page starts behind this name; null from the first.</summary>
    [Key(2), Limit(Limits.NameBytes)] public byte[]? After { get; init; }
    [Key(3)] public required int MostEntries { get; init; }

    /// <summary>Send each entry's status too, and promise it.</summary>
    [Key(4)] public bool WithStatus { get; init; }
}

[WireMessage]
public sealed partial record FetchDirectoryReply
{
    /// <summary>The directory's own status, promised; entries are as of its DataVersion.</summary>
    [Key(0)] public required FetchStatus Status { get; init; }

    /// <summary>True: <see cref="Changes"/> holds all that changed since the version asked with. False: this is a page of entries.</summary>
    [Key(1)] public required bool IsDelta { get; init; }

    /// <summary>More entries follow: ask again with After as the last name here.</summary>
    [Key(2)] public bool HasMore { get; init; }
    [Key(3), Limit(Limits.EntriesPerPage)] public required IReadOnlyList<DirectoryEntry> Entries { get; init; }
    [Key(4), Limit(Limits.EntriesPerPage)] public required IReadOnlyList<DirectoryChange> Changes { get; init; }
}

/// <summary>One name set to a fid, or removed.</summary>
[WireMessage]
public sealed partial record DirectoryChange
{
    [Key(0), Limit(Limits.NameBytes)] public required byte[] Name { get; init; }

    /// <summary>False: the name was removed.</summary>
    [Key(1)] public required bool IsSet { get; init; }
    [Key(2)] public Fid Fid { get; init; }
    [Key(3)] public FileType Type { get; init; }
}
