namespace Afs.Wire;

/// <summary>The most of everything in one message. Both sides check before they allocate.</summary>
public static class Limits
{
    /// <summary>NAME_MAX, in bytes.</summary>
    public const int NameBytes = 255;

    /// <summary>PATH_MAX without its NUL, in bytes.</summary>
    public const int SymlinkTargetBytes = 4095;

    public const int XattrNameBytes = 255;
    public const int XattrValueBytes = 65536;

    /// <summary>All names and values of one vnode together.</summary>
    public const int XattrTotalBytes = 131072;
    public const int XattrsPerVnode = 1024;

    /// <summary>Content up to here travels inside the control message; beyond it, as a bulk transfer.</summary>
    public const int InlineContentBytes = 65536;

    /// <summary>What changes of a content are told in.</summary>
    public const int BlockBytes = 65536;

    public const int ExtentsPerContent = 4096;

    /// <summary>Parts up to here travel inside the StoreData; beyond it, as a bulk transfer.</summary>
    public const int InlinePartsBytes = 4 * BlockBytes;

    public const int OperationsPerBatch = 512;

    /// <summary>Vnode numbers in one leased block.</summary>
    public const int VnodesPerLease = 4096;

    /// <summary>Blocks that a client has of a volume: for one more, the oldest goes with what of it is unused.</summary>
    public const int LeasesPerClient = 4;

    /// <summary>Fids that one call asks write tokens for, or returns.</summary>
    public const int TokensPerCall = 256;

    /// <summary>Locks that one call names.</summary>
    public const int LocksPerCall = 1024;

    /// <summary>How far the numbers of a session's requests for locks reach beyond the lowest that isn't answered.</summary>
    public const int LockNumbersUnanswered = 4096;

    /// <summary>Locks on one file, of all clients. Each request for the file looks at all of them.</summary>
    public const int LocksPerFile = 1 << 14;

    public const int StatusesPerCall = 1024;
    public const int EntriesPerPage = 4096;
    public const int ValidationsPerCall = 8192;
    public const int FidsPerGiveUp = 8192;
    public const int BreaksPerCall = 4096;
    public const int NamesPerBreak = 64;

    /// <summary>Links to one file. ext4 has 65,000.</summary>
    public const int LinksPerVnode = 65000;

    /// <summary>The largest file, in bytes.</summary>
    public const long FileBytes = 1L << 44;

    public const int VolumeNameBytes = 64;
    public const int TextBytes = 1024;
}

/// <summary>Extended attributes that mean something to clients and servers.</summary>
public static class WellKnownXattrs
{
    /// <summary>
    /// user.afs.sync, with whatever value. Of a regular file: each write() is stored at the server before it returns. Of a directory: what is made in it, files and directories, gets the
    /// attribute with its value.
    /// </summary>
    public static ReadOnlySpan<byte> Synchronous => "user.afs.sync"u8;
}
