using Afs.Bench.Macro.Cells;

namespace Afs.Bench.Macro.Places;

/// <summary>A folder in the first client's mount; the other client is the cell's second mount.</summary>
public sealed class CellPlace(Cell cell, string folder) : Place(CellName, Path.Combine(cell.First.MountPoint, folder))
{
    /// <summary>A client that needs the server after all gets it back after this time; the work then shows the wait.</summary>
    private const int StandStillAtMostMs = 2_000;

    public override string OtherDirectory => Path.Combine(cell.Second.MountPoint, folder);

    public override bool TryEmptyOtherClient()
    {
        cell.Second.RestartWithEmptyCache();
        return true;
    }

    public override CellFigures? Meter(Action work)
    {
        CellFigures before = cell.ReadFigures();
        work();
        return cell.ReadFigures() - before;
    }

    public override CellFigures? MeterWithServerStopped(Action work)
    {
        CellFigures before = cell.ReadFigures();
        cell.Server.Daemon.Freeze();
        using (new Timer(_ => cell.Server.Daemon.Thaw(), null, StandStillAtMostMs, Timeout.Infinite))
        {
            try
            {
                work();
            }
            finally
            {
                cell.Server.Daemon.Thaw();
            }
        }
        return cell.ReadFigures() - before;
    }
}
