namespace Afs.Bench.Macro.Cells;

/// <summary>What a cell has used so far. Two of them subtracted tell what the work between them used.</summary>
/// <param name="ServerCpuSeconds">Processor time of Vice, in steps of 10 ms.</param>
/// <param name="FirstClientCalls">Calls that the first client made, probes not counted.</param>
/// <param name="SecondClientCalls">The same of the second client.</param>
/// <param name="WireBytes">Bytes over loopback; null where other traffic may be among it.</param>
public readonly record struct CellFigures(
    double ServerCpuSeconds, long FirstClientCalls, long SecondClientCalls, double? WireBytes)
{
    public static CellFigures operator -(CellFigures after, CellFigures before) => new(
        after.ServerCpuSeconds - before.ServerCpuSeconds,
        after.FirstClientCalls - before.FirstClientCalls,
        after.SecondClientCalls - before.SecondClientCalls,
        after.WireBytes - before.WireBytes);
}
