using Afs.Rpc;

namespace Afs.Wire;

/// <summary>Why Vice refuses. Numbers are never reused; those below 100 belong to the Rpc layer.</summary>
public static class AbortCodes
{
    /// <summary>The fid's vnode is gone (AFS: VNOVNODE).</summary>
    public static readonly AbortCode NoVnode = new(101);
    public static readonly AbortCode NoVolume = new(102);
    public static readonly AbortCode NameNotFound = new(103);
    public static readonly AbortCode NameExists = new(104);
    public static readonly AbortCode NotADirectory = new(105);
    public static readonly AbortCode IsADirectory = new(106);
    public static readonly AbortCode DirectoryNotEmpty = new(107);

    /// <summary>The name is empty, too long, '.' or '..', or has a NUL or '/'.</summary>
    public static readonly AbortCode BadName = new(108);

    /// <summary>An argument that no correct client sends.</summary>
    public static readonly AbortCode BadArgument = new(109);
    public static readonly AbortCode TooManyLinks = new(110);

    /// <summary>A directory would become its own ancestor.</summary>
    public static readonly AbortCode WouldLoop = new(111);

    /// <summary>The name no longer stands for the fid that the caller expected. Look again.</summary>
    public static readonly AbortCode NameChanged = new(112);
    public static readonly AbortCode NoSpace = new(113);
    public static readonly AbortCode OverQuota = new(114);
    public static readonly AbortCode FileTooLarge = new(115);
    public static readonly AbortCode ReadOnlyVolume = new(116);

    /// <summary>That version of the content is no longer kept. Fetch the status again.</summary>
    public static readonly AbortCode VersionGone = new(117);

    /// <summary>The content doesn't match its checksum or length.</summary>
    public static readonly AbortCode ChecksumMismatch = new(118);

    /// <summary>The upload isn't known. Upload again.</summary>
    public static readonly AbortCode NoUpload = new(119);
    public static readonly AbortCode NoXattr = new(120);
    public static readonly AbortCode XattrExists = new(121);
    public static readonly AbortCode XattrTooLarge = new(122);

    /// <summary>Not permitted to this caller.</summary>
    public static readonly AbortCode NotPermitted = new(123);

    /// <summary>The server's disk failed. Nothing was changed.</summary>
    public static readonly AbortCode ServerDiskFailed = new(124);

    /// <summary>Both names are in different volumes.</summary>
    public static readonly AbortCode CrossesVolumes = new(125);

    /// <summary>Too many uploads or other resources of this client are open. Try again later.</summary>
    public static readonly AbortCode Busy = new(126);

    /// <summary>The fid that a Create gives isn't in a block that this client leased, or a number at or above it was used before.</summary>
    public static readonly AbortCode FidNotLeased = new(127);

    /// <summary>The batch isn't the one after the last that was applied. Nothing was changed.</summary>
    public static readonly AbortCode BatchOutOfOrder = new(128);

    /// <summary>
    /// An operation of a batch touches a vnode whose write token is another session's, and may not wait: this session is itself waited for. Send it by a call
    /// of its own, once what was recalled is returned.
    /// </summary>
    public static readonly AbortCode TokenHeld = new(129);

    /// <summary>An operation of a batch needs another of the batch that was refused.</summary>
    public static readonly AbortCode NotPreceded = new(130);

    /// <summary>What is stored was written under a lock that the session has lost since: others may have had it. Nothing was changed.</summary>
    public static readonly AbortCode LockLost = new(131);
}
