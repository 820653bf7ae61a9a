using System.Diagnostics;

namespace Afs.Bench.Vice.Clients;

/// <summary>What the server's process uses, as the kernel counts it.</summary>
public sealed class ServerMeter(Process process)
{
    /// <summary>Processor time of all threads so far, user and kernel, in steps of 10 ms.</summary>
    public double CpuSeconds()
    {
        process.Refresh();
        return process.TotalProcessorTime.TotalSeconds;
    }

    /// <summary>Memory that is resident.</summary>
    public long ResidentBytes()
    {
        process.Refresh();
        return process.WorkingSet64;
    }
}
