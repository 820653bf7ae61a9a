using System.Diagnostics;

namespace Afs.Bench.Macro.Machine;

/// <summary>Processor time of all threads of a process (user and kernel), in the kernel's steps of 10 ms.</summary>
public static class ProcessCpu
{
    public static TimeSpan Read(Process process)
    {
        process.Refresh();
        return process.TotalProcessorTime;
    }
}
