namespace Afs.Vice.Callbacks;

/// <summary>How long one break waits for one client, by whom the lease is kept.</summary>
internal sealed class BreakPatience(ClientSession session, LeaseTerms terms, TimeProvider time)
{
    private readonly long _started = time.GetTimestamp();
    private long? _resetAt;

    /// <summary>
    /// Until <see cref="Decide"/>. A silent client's lease ends some time after it was last heard. One that goes on talking without
    /// acknowledging renews it with each reply; so after as long it is reset, and trusts nothing from its next reply on,
    /// or from the end of the lease that its last one gave.
    /// </summary>
    public TimeSpan Left()
    {
        if (_resetAt is { } resetAt)
            return terms.ServerWait - time.GetElapsedTime(resetAt);
        TimeSpan untilLapse = terms.ServerWait - session.SinceContact;
        TimeSpan untilReset = terms.ServerWait - time.GetElapsedTime(_started);
        return untilLapse < untilReset ? untilLapse : untilReset;
    }

    /// <summary>Once nothing is left: what is to be done.</summary>
    public Verdict Decide()
    {
        if (_resetAt is not null)
            return Verdict.Over;
        if (session.SinceContact >= terms.ServerWait)
            return Verdict.Lapsed;
        _resetAt = time.GetTimestamp();
        return Verdict.Reset;
    }

    internal enum Verdict
    {
        /// <summary>Its lease has ended. It trusts nothing.</summary>
        Lapsed,

        /// <summary>It is to be reset, and waited for once more.</summary>
        Reset,

        /// <summary>It was reset, and cannot trust anything from before that.</summary>
        Over,
    }
}
