namespace Afs.Rpc;

/// <summary>The live counters of one operation.</summary>
internal sealed class OperationCounters
{
    private long _calls;
    private long _replies;
    private long _aborts;
    private long _notExecuted;
    private long _unknown;
    private long _retries;
    private long _duplicates;

    public void Call() => Interlocked.Increment(ref _calls);

    public void Retry() => Interlocked.Increment(ref _retries);

    public void Duplicate() => Interlocked.Increment(ref _duplicates);

    public void Outcome(OutcomeKind kind)
    {
        switch (kind)
        {
            case OutcomeKind.Replied: Interlocked.Increment(ref _replies); break;
            case OutcomeKind.Aborted: Interlocked.Increment(ref _aborts); break;
            case OutcomeKind.NotExecuted: Interlocked.Increment(ref _notExecuted); break;
            case OutcomeKind.Unknown: Interlocked.Increment(ref _unknown); break;
        }
    }

    public OperationStatistics Read(int operation) => new(
        operation,
        Volatile.Read(ref _calls),
        Volatile.Read(ref _replies),
        Volatile.Read(ref _aborts),
        Volatile.Read(ref _notExecuted),
        Volatile.Read(ref _unknown),
        Volatile.Read(ref _retries),
        Volatile.Read(ref _duplicates));
}
