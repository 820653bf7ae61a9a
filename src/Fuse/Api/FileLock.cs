namespace Afs.Fuse;

/// <summary>F_RDLCK, F_WRLCK, F_UNLCK.</summary>
public enum FileLockKind : uint
{
    Read = 0,
    Write = 1,
    Unlock = 2,
}

/// <summary>A byte range lock or, with <see cref="IsFlock"/>, a whole-file lock. <see cref="End"/> is inclusive.</summary>
public readonly record struct FileLock(ulong Owner, ulong Start, ulong End, FileLockKind Kind, uint Pid, bool IsFlock);
