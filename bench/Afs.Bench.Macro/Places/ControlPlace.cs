using Afs.Bench.Macro.Cells;

namespace Afs.Bench.Macro.Places;

/// <summary>The local filesystem: what the mount is compared with. It has no cache but the kernel's pages.</summary>
public sealed class ControlPlace(string directory) : Place(ControlName, directory)
{
    public override bool TryEmptyOtherClient() => true;

    /// <summary>Its fsync is of the folder alone.</summary>
    public override void Sync() => ShellCommand.Run("sync", ["-f", Directory]);
}
