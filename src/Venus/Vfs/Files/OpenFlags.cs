namespace Afs.Venus.Vfs;

/// <summary>O_* flags of open(2), as asm-generic has them.</summary>
internal static class OpenFlags
{
    public const int AccessModeMask = 0x3;
    public const int ReadOnly = 0x0;
    public const int Exclusive = 0x80;
    public const int Truncate = 0x200;

    public static bool Truncates(int flags) => (flags & Truncate) != 0;

    /// <summary>The file may change through it. O_RDONLY with O_TRUNC truncates too.</summary>
    public static bool Changes(int flags) => (flags & AccessModeMask) != ReadOnly || Truncates(flags);

    public static bool IsExclusive(int flags) => (flags & Exclusive) != 0;
}
