namespace Afs.Venus.Vfs;

/// <summary>What became of an unmount.</summary>
public enum UnmountOutcome
{
    Unmounted,
    InUse,
    Failed,
}
