namespace Afs.Fuse.Session;

/// <summary>How the result of one kind of operation becomes a reply, and how it is taken back if nobody got it.</summary>
internal interface IReplyShape<TResult>
{
    /// <summary>Writes the payload. Where it answers an errno, the reply has no payload.</summary>
    static abstract Errno Encode(FuseFileSystem fileSystem, RequestSlot slot, in TResult result, out int payloadBytes);

    /// <summary>
    /// The kernel did not take a reply that said success: gives back the lookups and opens that it brought.
    /// The errno says nothing.
    /// </summary>
    static virtual ValueTask<Errno> Undo(FuseFileSystem fileSystem, RequestSlot slot, in TResult result) => new(Errno.None);
}
