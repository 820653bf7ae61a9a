using Afs.Rpc;
using Afs.Vice.Volumes.Content;
using Afs.Wire;

namespace Afs.Vice.Volumes.Metadata;

/// <summary>What can be read of the metadata, all as of one moment. Null: there is none.</summary>
public interface IMetadataView : IDisposable
{
    ServerRecord ReadServer();

    IReadOnlyList<VolumeRecord> ReadVolumes();

    VolumeRecord? FindVolume(VolumeId volume);

    /// <summary>By number alone; the caller compares the uniquifier.</summary>
    FetchStatus? FindVnode(VolumeId volume, VnodeNumber vnode);

    /// <summary>In the order of numbers, behind <paramref name="after"/>.</summary>
    IReadOnlyList<FetchStatus> ReadVnodes(VolumeId volume, VnodeNumber after, int most);

    EntryRecord? FindEntry(VolumeId volume, VnodeNumber directory, byte[] name);

    /// <summary>In the order of names as bytes, behind <paramref name="after"/>; null from the first.</summary>
    IReadOnlyList<EntryRecord> ReadEntries(VolumeId volume, VnodeNumber directory, byte[]? after, int most);

    /// <summary>Of all directories, in the order of directory and name, behind the given one. For checks of the whole.</summary>
    IReadOnlyList<EntryRecord> ReadAllEntries(VolumeId volume, VnodeNumber directory, byte[] after, int most);

    IReadOnlyList<Xattr> ReadXattrs(VolumeId volume, VnodeNumber vnode);

    ContentRecord? FindContent(VolumeId volume, VnodeNumber vnode);

    /// <summary>In the order of vnodes, behind <paramref name="after"/>.</summary>
    IReadOnlyList<(VnodeNumber Vnode, ContentRecord Content)> ReadContents(VolumeId volume, VnodeNumber after, int most);

    /// <summary>Every object of the content store that a file or a kept version refers to, in no order.</summary>
    IReadOnlyList<ObjectId> ReadObjects();

    IReadOnlyList<KeptVersion> ReadKeptVersions();

    /// <summary>Objects without a name, with the session that holds each.</summary>
    IReadOnlyList<(Fid Fid, SessionId Session)> ReadUnnamed();

    IReadOnlyList<SessionRecord> ReadSessions();

    SessionRecord? FindSession(SessionId session);

    StoredReply? FindReply(SessionId session, CallSequence sequence);
}
