namespace Afs.Vice.Callbacks;

/// <summary>How long clients may trust their promises, and how long the server waits for one that is silent.</summary>
public sealed record LeaseTerms
{
    /// <summary>Clocks that run apart by an eighth are broken; what is added covers short leases.</summary>
    private static readonly TimeSpan LeastMargin = TimeSpan.FromMilliseconds(250);

    public LeaseTerms(TimeSpan lease)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(lease, TimeSpan.FromMilliseconds(1));
        Lease = lease;
        ServerWait = lease + lease / 8 + LeastMargin;
    }

    /// <summary>What the client is told: it counts from before it sent the call that was last answered.</summary>
    public TimeSpan Lease { get; }

    /// <summary>The server lets go later than the client: lease and margin.</summary>
    public TimeSpan ServerWait { get; }
}
