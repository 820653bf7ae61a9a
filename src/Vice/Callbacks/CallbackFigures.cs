namespace Afs.Vice.Callbacks;

/// <summary>Counts since the server's start. Safe for concurrent use.</summary>
public sealed class CallbackFigures
{
    private long _breaksSent, _breakCalls, _breaksEvicted, _resets;

    public long BreaksSent => Volatile.Read(ref _breaksSent);

    public long BreakCalls => Volatile.Read(ref _breakCalls);

    public long BreaksEvicted => Volatile.Read(ref _breaksEvicted);

    /// <summary>Clients that lost all their promises at once.</summary>
    public long Resets => Volatile.Read(ref _resets);

    internal void CountCall(int breaks)
    {
        Interlocked.Increment(ref _breakCalls);
        Interlocked.Add(ref _breaksSent, breaks);
    }

    internal void CountEvicted(int breaks) => Interlocked.Add(ref _breaksEvicted, breaks);

    internal void CountReset() => Interlocked.Increment(ref _resets);
}
