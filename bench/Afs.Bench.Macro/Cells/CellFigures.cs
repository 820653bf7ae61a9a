namespace Afs.Bench.Macro.Cells;

/// <summary>What a cell has used so far. Two of them subtracted tell what the work between them used.</summary>
/// <param name="ServerCpuSeconds">Processor time of Vice, in steps of 10 ms.</param>
/// <param name="FirstClientCpuSeconds">The same of the first client's daemon.</param>
/// <param name="FirstClientCalls">Calls that the first client made, probes not counted.</param>
/// <param name="SecondClientCalls">The same of the second client.</param>
/// <param name="WireBytes">Bytes over loopback; null where other traffic may be among it.</param>
/// <param name="ServerFsyncs">Of the server; null where they aren't delayed, and so not counted.</param>
/// <param name="FirstClientFsyncs">The same of the first client's daemon.</param>
public readonly record struct CellFigures(
    double ServerCpuSeconds,
    double FirstClientCpuSeconds,
    long FirstClientCalls,
    long SecondClientCalls,
    double? WireBytes,
    long? ServerFsyncs,
    long? FirstClientFsyncs)
{
    public static CellFigures operator -(CellFigures after, CellFigures before) => new(
        after.ServerCpuSeconds - before.ServerCpuSeconds,
        after.FirstClientCpuSeconds - before.FirstClientCpuSeconds,
        after.FirstClientCalls - before.FirstClientCalls,
        after.SecondClientCalls - before.SecondClientCalls,
        after.WireBytes - before.WireBytes,
        after.ServerFsyncs - before.ServerFsyncs,
        after.FirstClientFsyncs - before.FirstClientFsyncs);
}
