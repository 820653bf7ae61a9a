using Afs.Bench.Macro.Hosting;
using Afs.Bench.Macro.Machine;

namespace Afs.Bench.Macro.Cells;

/// <summary>One server and two clients of it, in one temporary folder. Disposing it leaves neither process nor mount.</summary>
public sealed class Cell : IDisposable
{
    private readonly Lock _gate = new();
    private readonly SlowDisk? _slow;
    private readonly bool _countsWire;
    private bool _isDisposed;

    public Cell(BenchOptions options, string directory, SlowDisk? slow)
    {
        _slow = slow;
        _countsWire = LoopbackTraffic.IsOwn && !options.OverUnixSocket;
        Server = new ViceServer(options.ViceProgram, directory, options.OverUnixSocket);
        try
        {
            First = new VenusClient(options.VenusProgram, Server.Address, options.Io, directory, "client-1");
            Second = new VenusClient(options.VenusProgram, Server.Address, options.Io, directory, "client-2");
            Behind = options.WriteBehind is { } age ? new VenusClient(options.VenusProgram, Server.Address, options.Io, directory, "client-behind", "--write-behind", age) : null;
        }
        catch
        {
            First?.Dispose();
            Second?.Dispose();
            Server.Dispose();
            throw;
        }
    }

    public ViceServer Server { get; }

    public VenusClient First { get; }

    public VenusClient Second { get; }

    /// <summary>Writes changes behind; null: not asked for.</summary>
    public VenusClient? Behind { get; }

    public CellFigures ReadFigures() => new(
        ProcessCpu.Read(Server.Daemon.Process).TotalSeconds,
        ProcessCpu.Read(First.Process).TotalSeconds,
        First.ReadFigures().Calls,
        Second.ReadFigures().Calls,
        _countsWire ? LoopbackTraffic.ReadBytes() : null,
        _slow?.FlushesOf(Server.Daemon.Process.Id),
        _slow?.FlushesOf(First.Process.Id));

    /// <summary>Once is enough: a signal and the end of the run may both ask for it.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_isDisposed)
                return;
            _isDisposed = true;
            First.Dispose();
            Second.Dispose();
            Behind?.Dispose();
            Server.Dispose();
        }
    }
}
