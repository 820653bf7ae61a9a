using Afs.Bench.Macro.Cells;
using Afs.Bench.Macro.Native;

namespace Afs.Bench.Macro.Places;

/// <summary>
/// A filesystem under test: a folder in it, and the same folder as another client sees it. Where there is but one view the two are the same.
/// </summary>
public abstract class Place(string name, string directory)
{
    public const string ControlName = "ext4";
    public const string CellName = "afs";
    public const string BehindName = "afs, write-behind";
    public const string PeerName = "peer";

    public string Name { get; } = name;

    public string Directory { get; } = directory;

    /// <summary>The same files, seen by another client.</summary>
    public virtual string OtherDirectory => Directory;

    /// <summary>Takes all content out of the other client's cache, so that its next read is a first read.</summary>
    /// <returns>False where that cannot be done: a first read can't be measured there.</returns>
    public abstract bool TryEmptyOtherClient();

    /// <summary>Returns when what was done in this place is on stable storage, wherever that is: an fsync of its folder, which a mount answers when all before it is there.</summary>
    public virtual void Sync() => NativeFile.SyncFolder(new NativePath(Directory));

    /// <summary>Does the work and tells what the cell behind this place used for it.</summary>
    /// <returns>Null where there is no cell to ask.</returns>
    public virtual CellFigures? Meter(Action work)
    {
        work();
        return null;
    }

    /// <summary>Does the work while the server stands still; where there is no server, just does it.</summary>
    /// <returns>What the cell used; null where there is no cell.</returns>
    public virtual CellFigures? MeterWithServerStopped(Action work) => Meter(work);
}
