namespace Afs.Venus.Hosting;

/// <summary>
/// When a daemon that died is started again: at once, then after longer and longer pauses. One that dies <see cref="MostInWindow"/> times within
/// <see cref="Window"/> isn't started any more: whoever waits for it can't be killed, and must learn the truth.
/// </summary>
internal sealed class RestartLimit(TimeProvider time)
{
    public const int MostInWindow = 6;

    public static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(100), Longest = TimeSpan.FromSeconds(3);

    private readonly Queue<long> _deaths = new();

    /// <summary>A daemon died. The pause before the next; null: no more.</summary>
    public TimeSpan? Died()
    {
        while (_deaths.TryPeek(out long oldest) && time.GetElapsedTime(oldest) > Window)
            _deaths.Dequeue();
        _deaths.Enqueue(time.GetTimestamp());
        if (_deaths.Count >= MostInWindow)
            return null;
        if (_deaths.Count == 1)
            return TimeSpan.Zero;
        TimeSpan pause = First * Math.Pow(2, _deaths.Count - 2);
        return pause < Longest ? pause : Longest;
    }
}
