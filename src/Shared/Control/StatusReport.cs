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

    /// <summary>Hits, misses, fetches, stores and so on, by name.</summary>
    public required IReadOnlyDictionary<string, long> Figures { get; init; }

    /// <summary>Calls to the server, by operation.</summary>
    public required IReadOnlyDictionary<string, long> Calls { get; init; }
}
