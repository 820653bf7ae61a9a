using System.Text.Json.Serialization;

namespace Afs.Control;

/// <summary>What `venus status` and `afs status` show of one mount.</summary>
public sealed record StatusReport
{
    public required string MountPoint { get; init; }

    public required string Server { get; init; }

    public required int ProcessId { get; init; }

    /// <summary>The server was heard of within the lease: what is cached under promises is used without asking.</summary>
    public required bool HasLease { get; init; }

    /// <summary>How long the lease still runs.</summary>
    public long LeaseLeftMs { get; init; }

    /// <summary>Why there is no connection at this moment; null where there is one.</summary>
    public string? Trouble { get; init; }

    public required string CacheFolder { get; init; }

    /// <summary>What is wrong with the disk under the cache; null: nothing.</summary>
    public string? CacheTrouble { get; init; }

    public required long CacheBytes { get; init; }

    public required long CacheLimitBytes { get; init; }

    public required int CacheFiles { get; init; }

    /// <summary>Files with changes that are not stored yet.</summary>
    public required int DirtyFiles { get; init; }

    public required int RecoveredFiles { get; init; }

    /// <summary>Files, folders and other objects that the kernel knows.</summary>
    public required int Nodes { get; init; }

    /// <summary>passthrough or daemon.</summary>
    public required string Io { get; init; }

    /// <summary>The supervisor's process; null: there is none.</summary>
    public int? SupervisorId { get; init; }

    /// <summary>Daemons of this mount that died, and were replaced.</summary>
    public int Restarts { get; init; }

    /// <summary>The server can't be reached, and reads get what is cached, which may be old.</summary>
    public bool IsServingDisconnected { get; init; }

    /// <summary>Null: each change is at the server before it is answered, and nothing is left of a daemon before.</summary>
    public BehindReport? WriteBehind { get; init; }

    /// <summary>Hits, misses, fetches, stores and so on, by name.</summary>
    public required IReadOnlyDictionary<string, long> Figures { get; init; }

    /// <summary>Calls to the server, by operation.</summary>
    public required IReadOnlyDictionary<string, long> Calls { get; init; }
}

/// <summary>Changes of a mount that were answered and wait for the server.</summary>
public sealed record BehindReport
{
    /// <summary>They wait no longer than this while the server can be reached; 0: nothing new waits, only what a daemon before left.</summary>
    public required long MostAgeMs { get; init; }

    public required long Changes { get; init; }

    public required long Bytes { get; init; }

    /// <summary>How long the oldest has waited.</summary>
    public required long OldestMs { get; init; }

    /// <summary>Changes that the server refused since the daemon began.</summary>
    public required long Refused { get; init; }

    /// <summary>Files and folders that this client may change without asking.</summary>
    public required long WriteTokens { get; init; }
}

/// <summary>What a sync still waits for, or waited for, of one mount.</summary>
public sealed record SyncProgress(string MountPoint, long WaitingChanges, long WaitingBytes);

/// <summary>How a file server answered.</summary>
public sealed record ServerReport
{
    public required string MountPoint { get; init; }

    public required string Server { get; init; }

    public required bool IsUp { get; init; }

    /// <summary>Null where it doesn't answer, as the rest.</summary>
    public double? RoundTripMs { get; init; }

    public string? Version { get; init; }

    /// <summary>Counts the lives of the server.</summary>
    public ulong? Epoch { get; init; }

    public long? UptimeMs { get; init; }

    public string? Trouble { get; init; }
}

/// <summary>What Venus knows of a file, folder or other object.</summary>
public sealed record VnodeReport
{
    [JsonConverter(typeof(ByteTextConverter))]
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

/// <summary>Something that a watch tells.</summary>
public sealed record ChangeReport
{
    public required DateTimeOffset Time { get; init; }

    /// <summary>One of <see cref="ChangeKinds"/>.</summary>
    public required string Kind { get; init; }

    [JsonConverter(typeof(ByteTextConverter))]
    public string? Path { get; init; }

    /// <summary>Renamed: the name before.</summary>
    [JsonConverter(typeof(ByteTextConverter))]
    public string? From { get; init; }

    public string? Fid { get; init; }

    public string? Type { get; init; }

    public ulong? DataVersion { get; init; }

    public long? LengthBytes { get; init; }

    /// <summary>Watching: objects that are watched. Missed: changes that came faster than they were read.</summary>
    public long? Count { get; init; }

    public string? Reason { get; init; }
}

/// <summary>What a watch can tell.</summary>
public static class ChangeKinds
{
    /// <summary>From here on changes are told.</summary>
    public const string Watching = "watching";
    public const string Created = "created";
    public const string Removed = "removed";
    public const string Renamed = "renamed";

    /// <summary>The name stands for another object.</summary>
    public const string Replaced = "replaced";

    /// <summary>A file's content.</summary>
    public const string Stored = "stored";

    /// <summary>Owner, mode, times, xattrs, or a folder's entries where the server doesn't say which.</summary>
    public const string Changed = "changed";

    /// <summary>No promise holds: what changes from here on is told once the server answers again.</summary>
    public const string OutOfTouch = "out-of-touch";

    public const string InTouch = "in-touch";

    /// <summary>Some changes were not told, because the watcher reads too slowly.</summary>
    public const string Missed = "missed";
}

/// <summary>How much the cache of a mount holds, and may hold.</summary>
public sealed record CacheParameters
{
    public required string MountPoint { get; init; }

    public required string Folder { get; init; }

    public required long UsedBytes { get; init; }

    public required long LimitBytes { get; init; }

    public required int Files { get; init; }

    public required int LimitFiles { get; init; }

    /// <summary>What the cache leaves free on its disk.</summary>
    public required long LeftFreeBytes { get; init; }
}

/// <summary>How far a fetch has come. What was cached before counts as done.</summary>
public sealed record FetchProgress(int DoneFiles, int Files, long DoneBytes, long Bytes);

/// <summary>A file of the recovered folder: changes that could not be stored where they belong.</summary>
/// <param name="Path">Where it is.</param>
/// <param name="Original">The name that it had.</param>
public sealed record RecoveredFile(string Path, string Original, string Fid, string Reason);
