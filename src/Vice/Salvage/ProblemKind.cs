namespace Afs.Vice.Salvage;

/// <summary>What can be wrong with a server's data.</summary>
public enum ProblemKind
{
    /// <summary>The database itself, as SQLite sees it.</summary>
    DamagedDatabase,

    /// <summary>A volume without a root directory.</summary>
    NoRoot,

    /// <summary>A volume's count or highest number of vnodes is wrong.</summary>
    WrongVolumeFigures,

    /// <summary>A name stands for a vnode that isn't there.</summary>
    NameWithoutVnode,

    /// <summary>A name is in a directory that isn't there, or isn't one.</summary>
    NameWithoutDirectory,

    /// <summary>A name says another type than its vnode.</summary>
    WrongEntryType,

    /// <summary>No name, and nobody holds it open.</summary>
    Orphan,

    WrongLinkCount,

    /// <summary>A directory says another parent than the one whose name leads to it.</summary>
    WrongParent,

    /// <summary>A directory has more than one name.</summary>
    ManyParents,

    /// <summary>Directories that contain each other, apart from the root.</summary>
    Cycle,

    /// <summary>A file's content isn't there.</summary>
    ContentMissing,

    /// <summary>A file's content is there with another length.</summary>
    ContentLength,

    /// <summary>A content belongs to a vnode that isn't there, or that has none.</summary>
    ContentWithoutFile,

    /// <summary>A content's bytes aren't what was stored.</summary>
    ContentChecksum,
}
