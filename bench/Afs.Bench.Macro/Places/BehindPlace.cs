using Afs.Bench.Macro.Cells;

namespace Afs.Bench.Macro.Places;

/// <summary>A folder in the mount that writes changes behind; the other client is the cell's second mount, which doesn't.</summary>
public sealed class BehindPlace(Cell cell, VenusClient client, string folder) : Place(BehindName, Path.Combine(client.MountPoint, folder))
{
    public override string OtherDirectory => Path.Combine(cell.Second.MountPoint, folder);

    public override bool TryEmptyOtherClient()
    {
        cell.Second.RestartWithEmptyCache();
        return true;
    }
}
