namespace Afs.Bench.Macro.Measuring;

/// <summary>What a value counts. Times are in seconds, always.</summary>
public enum Unit
{
    Seconds,
    Bytes,
    Calls,
    PerSecond,
    Percent,
    Factor,
}
