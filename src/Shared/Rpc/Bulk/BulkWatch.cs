namespace Afs.Rpc;

/// <summary>Ends a bulk connection on which nothing moved for too long: a dead peer, or one that doesn't read.</summary>
internal sealed class BulkWatch : IDisposable
{
    private readonly RpcConnection _connection;
    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private long _limitTicks;
    private long _lastMoved;

    public BulkWatch(RpcConnection connection, TimeProvider time, TimeSpan limit)
    {
        (_connection, _time) = (connection, time);
        Expect(limit);
        _timer = time.CreateTimer(static state => ((BulkWatch)state!).Look(), this, limit / 4, limit / 4);
    }

    /// <summary>Something must move within <paramref name="limit"/> from this moment.</summary>
    public void Expect(TimeSpan limit)
    {
        Volatile.Write(ref _limitTicks, limit.Ticks);
        Moved();
    }

    public void Moved() => Volatile.Write(ref _lastMoved, _time.GetTimestamp());

    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        var limit = TimeSpan.FromTicks(Volatile.Read(ref _limitTicks));
        if (_time.GetElapsedTime(Volatile.Read(ref _lastMoved)) > limit)
            _connection.Break($"nothing moved for {limit.TotalSeconds} s");
    }
}
