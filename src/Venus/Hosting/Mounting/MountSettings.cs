using Afs.Telemetry;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Hosting;

/// <summary>All that `venus mount` was told.</summary>
public sealed record MountSettings
{
    public const long DefaultCacheBytes = 10L << 30;
    public const long DefaultCacheFreeBytes = 256L << 20;

    public required ServerAddress Server { get; init; }

    /// <summary>Absolute.</summary>
    public required string MountPoint { get; init; }

    /// <summary>Absolute.</summary>
    public required string CacheFolder { get; init; }

    public long CacheBytes { get; init; } = DefaultCacheBytes;

    public int CacheFiles { get; init; } = 500_000;

    /// <summary>What the cache leaves free on its disk for others.</summary>
    public long CacheFreeBytes { get; init; } = DefaultCacheFreeBytes;

    public IoMode Io { get; init; }

    public bool AllowOther { get; init; }

    public bool IsReadOnly { get; init; }

    /// <summary>How long an operation may wait for the server before it fails with ETIMEDOUT.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Take away a stale mount that stands at the mount point.</summary>
    public bool Force { get; init; }

    public LogLevel LogLevel { get; init; } = LogLevel.Information;

    /// <summary>Where a daemon in the background logs to; null: nowhere.</summary>
    public string? LogFile { get; init; }

    public DisconnectedMode Disconnected { get; init; }

    /// <summary>Null: no supervisor started this daemon.</summary>
    public Supervision? Supervision { get; init; }

    /// <summary>What is shown of the mount, and to whom.</summary>
    public AdminOptions Admin { get; init; } = new();

    /// <summary>Null: no TLS.</summary>
    public TlsSettings? Tls { get; init; }
}
