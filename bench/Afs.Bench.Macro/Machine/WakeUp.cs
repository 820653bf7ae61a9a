using System.Diagnostics;
using System.IO.Pipes;

namespace Afs.Bench.Macro.Machine;

/// <summary>
/// What it takes to wake a thread that sleeps: half of a byte's way to another thread and back through two pipes. Each request that a
/// daemon answers pays it twice. On a virtual machine whose processors halt when idle it can be ten times that of the bare machine
/// (the kernel's Documentation/virt/guest-halt-polling.rst).
/// </summary>
public static class WakeUp
{
    private const int Rounds = 2_000;

    public static double MeasureSeconds()
    {
        using var there = new AnonymousPipeServerStream(PipeDirection.Out);
        using var back = new AnonymousPipeServerStream(PipeDirection.In);
        using var thereEnd = new AnonymousPipeClientStream(PipeDirection.In, there.ClientSafePipeHandle);
        using var backEnd = new AnonymousPipeClientStream(PipeDirection.Out, back.ClientSafePipeHandle);
        var echo = new Thread(() => Echo(thereEnd, backEnd)) { IsBackground = true };
        echo.Start();
        double[] rounds = new double[Rounds];
        for (int i = 0; i < Rounds; i++)
        {
            long start = Stopwatch.GetTimestamp();
            there.WriteByte(0);
            back.ReadByte();
            rounds[i] = Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
        echo.Join();
        return Measuring.Median.Of(rounds) / 2;
    }

    private static void Echo(Stream from, Stream to)
    {
        for (int i = 0; i < Rounds; i++)
        {
            from.ReadByte();
            to.WriteByte(0);
        }
    }
}
