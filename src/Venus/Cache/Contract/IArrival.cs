namespace Afs.Venus.Cache;

/// <summary>How far the content of an open container has come that is still being fetched. Safe for concurrent use.</summary>
public interface IArrival
{
    /// <summary>All is there, and its checksum is right.</summary>
    bool IsComplete { get; }

    /// <summary>The bytes up to that end can be read.</summary>
    bool Has(long endBytes);

    /// <summary>
    /// Waits until <see cref="Has"/>. A failure: they won't come, or what came doesn't match its checksum. Bounded by the progress that a transfer must make.
    /// </summary>
    ValueTask<Failure> WaitAsync(long endBytes, CancellationToken cancellation);
}
