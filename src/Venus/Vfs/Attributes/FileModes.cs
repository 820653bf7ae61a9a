using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>The bits of st_mode (inode(7)).</summary>
internal static class FileModes
{
    public const uint TypeMask = 0xF000;
    public const uint PermissionMask = 0xFFF;
    public const uint SetUserId = 0x800;
    public const uint SetGroupId = 0x400;

    private const uint Fifo = 0x1000, CharacterDevice = 0x2000, Directory = 0x4000, BlockDevice = 0x6000, Regular = 0x8000, Symlink = 0xA000, Socket = 0xC000;

    public static uint OfType(FileType type) => type switch
    {
        FileType.Regular => Regular,
        FileType.Directory => Directory,
        FileType.Symlink => Symlink,
        FileType.Fifo => Fifo,
        FileType.Socket => Socket,
        FileType.CharacterDevice => CharacterDevice,
        FileType.BlockDevice => BlockDevice,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "A vnode has one of seven types."),
    };

    /// <summary>The type that a mode names; none where it names no known one.</summary>
    public static FileType ToType(uint mode) => (mode & TypeMask) switch
    {
        // mknod(2): zero is a regular file.
        0 or Regular => FileType.Regular,
        Directory => FileType.Directory,
        Symlink => FileType.Symlink,
        Fifo => FileType.Fifo,
        Socket => FileType.Socket,
        CharacterDevice => FileType.CharacterDevice,
        BlockDevice => FileType.BlockDevice,
        _ => FileType.None,
    };
}
