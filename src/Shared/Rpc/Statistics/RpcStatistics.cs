using System.Collections.Concurrent;

namespace Afs.Rpc;

/// <summary>
/// Counters of one client or server since it was made. <see cref="Made"/> are calls to the other side, <see cref="Served"/> calls from it.
/// </summary>
public sealed class RpcStatistics
{
    private readonly ConcurrentDictionary<int, OperationCounters> _made = new();
    private readonly ConcurrentDictionary<int, OperationCounters> _served = new();
    private long _sentBytes;
    private long _receivedBytes;
    private long _bulkSentBytes;
    private long _bulkReceivedBytes;
    private long _connections;
    private long _brokenConnections;

    public IReadOnlyList<OperationStatistics> Made => Read(_made);

    public IReadOnlyList<OperationStatistics> Served => Read(_served);

    /// <summary>On control connections that ended, and those that last as far as they were counted; with frames' heads.</summary>
    public long SentBytes => Volatile.Read(ref _sentBytes);

    /// <inheritdoc cref="SentBytes"/>
    public long ReceivedBytes => Volatile.Read(ref _receivedBytes);

    /// <summary>Content bytes of bulk exchanges.</summary>
    public long BulkSentBytes => Volatile.Read(ref _bulkSentBytes);

    /// <inheritdoc cref="BulkSentBytes"/>
    public long BulkReceivedBytes => Volatile.Read(ref _bulkReceivedBytes);

    /// <summary>Control connections that were established.</summary>
    public long Connections => Volatile.Read(ref _connections);

    /// <summary>Connections of all kinds that ended by an error.</summary>
    public long BrokenConnections => Volatile.Read(ref _brokenConnections);

    /// <summary>Calls made of one operation.</summary>
    public long CallsMade(int operation) => _made.TryGetValue(operation, out OperationCounters? counters) ? counters.Read(operation).Calls : 0;

    internal void CountMade(int operation) => Of(_made, operation).Call();

    internal void CountMadeOutcome(int operation, OutcomeKind kind) => Of(_made, operation).Outcome(kind);

    internal void CountRetry(int operation) => Of(_made, operation).Retry();

    internal void CountServed(int operation) => Of(_served, operation).Call();

    internal void CountServedOutcome(int operation, OutcomeKind kind) => Of(_served, operation).Outcome(kind);

    internal void CountDuplicate(int operation) => Of(_served, operation).Duplicate();

    internal void CountSent(long bytes) => Interlocked.Add(ref _sentBytes, bytes);

    internal void CountReceived(long bytes) => Interlocked.Add(ref _receivedBytes, bytes);

    internal void CountBulkSent(long bytes) => Interlocked.Add(ref _bulkSentBytes, bytes);

    internal void CountBulkReceived(long bytes) => Interlocked.Add(ref _bulkReceivedBytes, bytes);

    internal void CountConnection() => Interlocked.Increment(ref _connections);

    internal void CountBroken() => Interlocked.Increment(ref _brokenConnections);

    private static OperationCounters Of(ConcurrentDictionary<int, OperationCounters> counters, int operation) =>
        counters.GetOrAdd(operation, static _ => new OperationCounters());

    private static IReadOnlyList<OperationStatistics> Read(ConcurrentDictionary<int, OperationCounters> counters) =>
        [.. counters.OrderBy(pair => pair.Key).Select(pair => pair.Value.Read(pair.Key))];
}

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

/// <summary>How often one operation was called, as of one moment.</summary>
/// <param name="Calls">Calls made, or run here: each once, however often it was sent.</param>
/// <param name="Retries">Transmissions after the first.</param>
/// <param name="Duplicates">Arrivals of a call that was here already.</param>
public readonly record struct OperationStatistics(int Operation, long Calls, long Replies, long Aborts, long NotExecuted, long Unknown, long Retries, long Duplicates);
