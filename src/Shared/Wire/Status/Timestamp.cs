using Afs.Rpc;

namespace Afs.Wire;

/// <summary>A file time: seconds since 1970, which may be negative, and nanoseconds from 0 to 999,999,999.</summary>
[WireMessage]
public readonly partial record struct Timestamp(
    [property: Key(0)] long Seconds,
    [property: Key(1)] uint Nanoseconds) : IComparable<Timestamp>
{
    public int CompareTo(Timestamp other) =>
        Seconds != other.Seconds ? Seconds.CompareTo(other.Seconds) : Nanoseconds.CompareTo(other.Nanoseconds);
}
