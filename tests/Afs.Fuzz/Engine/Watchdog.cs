using System.Diagnostics;

namespace Afs.Fuzz;

/// <summary>Ends the process when one input takes too much of a processor's time. What others do with the machine doesn't count.</summary>
internal sealed class Watchdog
{
    /// <summary>What the process then ends with.</summary>
    public const int ExitCode = 3;

    public static readonly TimeSpan MostProcessorTime = TimeSpan.FromSeconds(5);

    private long _executions;

    public void Start()
    {
        var thread = new Thread(Watch) { Name = "watchdog", IsBackground = true };
        thread.Start();
    }

    /// <summary>The next input begins.</summary>
    public void Next() => Interlocked.Increment(ref _executions);

    private void Watch()
    {
        using var process = Process.GetCurrentProcess();
        (long watched, TimeSpan since) = (-1, default);
        while (true)
        {
            Thread.Sleep(200);
            process.Refresh();
            TimeSpan used = process.TotalProcessorTime;
            long execution = Interlocked.Read(ref _executions);
            if (execution != watched)
                (watched, since) = (execution, used);
            else if (used - since > MostProcessorTime)
                Environment.Exit(ExitCode);
        }
    }
}
