namespace Afs.Venus.Cache;

/// <summary>A named figure that only rises. Safe for concurrent use.</summary>
public sealed class Counter(string name)
{
    private long _value;

    public string Name => name;

    public long Value => Volatile.Read(ref _value);

    public void Add(long by = 1) => Interlocked.Add(ref _value, by);
}
