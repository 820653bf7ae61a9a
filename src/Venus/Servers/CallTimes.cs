namespace Afs.Venus.Servers;

/// <summary>How long calls may take, retries and reconnects included.</summary>
public sealed record CallTimes
{
    /// <summary>For calls that a process waits for; a killed process ends its wait sooner.</summary>
    public TimeSpan Call { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>For the last call of a clean end. Without an answer the server waits for the lease instead.</summary>
    public TimeSpan Leave { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>For a transfer of content without any progress.</summary>
    public TimeSpan TransferStall { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The slowest that a transfer may be as a whole, in bytes per second; its deadline follows from its length.</summary>
    public long LeastBytesPerSecond { get; init; } = 64 * 1024;

    /// <summary>For a transfer of this length.</summary>
    public TimeSpan Transfer(long lengthBytes) => TransferStall + TimeSpan.FromSeconds((double)lengthBytes / LeastBytesPerSecond);
}
