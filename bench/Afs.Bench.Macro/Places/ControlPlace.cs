namespace Afs.Bench.Macro.Places;

/// <summary>The local filesystem: what the mount is compared with. It has no cache but the kernel's pages.</summary>
public sealed class ControlPlace(string directory) : Place(ControlName, directory)
{
    public override bool TryEmptyOtherClient() => true;
}
