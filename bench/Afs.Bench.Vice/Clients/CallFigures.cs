namespace Afs.Bench.Vice.Clients;

/// <summary>One kind of call, made by all clients at once.</summary>
/// <param name="PerSecond">Calls that ended a second.</param>
/// <param name="MedianMs">As a client sees it.</param>
/// <param name="P99Ms">The 99th percentile.</param>
/// <param name="ServerCpuUs">Processor time of the server a call, probes included.</param>
/// <param name="WireBytes">Bytes on the wire a call, both ways, headers and probes included; null where they can't be counted.</param>
public sealed record CallFigures(double PerSecond, double MedianMs, double P99Ms, double ServerCpuUs, double? WireBytes)
{
    public override string ToString() =>
        $"{PerSecond:n0} a second, median {MedianMs:f2} ms, 99th percentile {P99Ms:f2} ms, {ServerCpuUs:f0} us of the server's processors"
        + (WireBytes is { } bytes ? $", {bytes:n0} bytes" : "");
}
