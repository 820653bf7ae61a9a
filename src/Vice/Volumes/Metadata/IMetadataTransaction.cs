using Afs.Rpc;
using Afs.Wire;

namespace Afs.Vice.Volumes.Metadata;

/// <summary>
/// The writer's turn: reads see its own writes. Nothing of it is visible to views, or survives a crash, before <see cref="Commit"/>;
/// disposed without it, nothing happened.
/// </summary>
public interface IMetadataTransaction : IMetadataView
{
    void PutServer(ServerRecord server);

    void PutVolume(VolumeRecord volume);

    void PutVnode(FetchStatus status);

    /// <summary>With its content, its xattrs and its being unnamed.</summary>
    void DeleteVnode(VolumeId volume, VnodeNumber vnode);

    void PutEntry(VolumeId volume, EntryRecord entry);

    void DeleteEntry(VolumeId volume, VnodeNumber directory, byte[] name);

    void PutXattr(VolumeId volume, VnodeNumber vnode, byte[] name, byte[] value);

    void DeleteXattr(VolumeId volume, VnodeNumber vnode, byte[] name);

    void PutContent(VolumeId volume, VnodeNumber vnode, ContentRecord content);

    void DeleteContent(VolumeId volume, VnodeNumber vnode);

    void PutKeptVersion(KeptVersion kept);

    void DeleteKeptVersion(Fid fid, DataVersion version);

    void PutUnnamed(Fid fid, SessionId session);

    void DeleteUnnamed(VolumeId volume, VnodeNumber vnode);

    void PutSession(SessionRecord session);

    /// <summary>With its replies.</summary>
    void DeleteSession(SessionId session);

    void PutReply(SessionId session, CallSequence sequence, StoredReply reply);

    void DeleteReplies(SessionId session, CallSequence through);

    /// <summary>On stable storage when this returns. Throws: nothing of the transaction happened.</summary>
    void Commit();
}
