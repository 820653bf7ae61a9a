namespace Afs.Wire;

/// <summary>What a vnode is.</summary>
public enum FileType : byte
{
    None = 0,
    Regular = 1,
    Directory = 2,
    Symlink = 3,
    Fifo = 4,
    Socket = 5,
    CharacterDevice = 6,
    BlockDevice = 7,
}
