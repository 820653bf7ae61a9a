using Afs.Rpc;
using Afs.Wire;

namespace Afs.Vice.Volumes.Metadata.Memory;

/// <summary>Writes are states of its own, until the commit hands the last to the store.</summary>
internal sealed class MemoryTransaction(MemoryMetadataStore store, MemoryState state) : MemoryView(state), IMetadataTransaction
{
    public void PutServer(ServerRecord server) => State = State with { Server = server };

    public void PutVolume(VolumeRecord volume) => State = State with { Volumes = State.Volumes.Set(volume.Id.Value, volume) };

    public void PutVnode(FetchStatus status) =>
        State = State with { Vnodes = State.Vnodes.Set(new(status.Fid.Volume, status.Fid.Vnode), status) };

    public void DeleteVnode(VolumeId volume, VnodeNumber vnode)
    {
        foreach (Xattr xattr in ReadXattrs(volume, vnode))
            DeleteXattr(volume, vnode, xattr.Name);
        DeleteContent(volume, vnode);
        DeleteUnnamed(volume, vnode);
        State = State with { Vnodes = State.Vnodes.Remove(new(volume, vnode)) };
    }

    public void PutEntry(VolumeId volume, EntryRecord entry) =>
        State = State with { Entries = State.Entries.Set(new(new(volume, entry.Directory), entry.Name), entry) };

    public void DeleteEntry(VolumeId volume, VnodeNumber directory, byte[] name) =>
        State = State with { Entries = State.Entries.Remove(new(new(volume, directory), name)) };

    public void PutXattr(VolumeId volume, VnodeNumber vnode, byte[] name, byte[] value) =>
        State = State with { Xattrs = State.Xattrs.Set(new(new(volume, vnode), name), value) };

    public void DeleteXattr(VolumeId volume, VnodeNumber vnode, byte[] name) =>
        State = State with { Xattrs = State.Xattrs.Remove(new(new(volume, vnode), name)) };

    public void PutContent(VolumeId volume, VnodeNumber vnode, ContentRecord content) =>
        State = State with { Contents = State.Contents.Set(new(volume, vnode), content) };

    public void DeleteContent(VolumeId volume, VnodeNumber vnode) =>
        State = State with { Contents = State.Contents.Remove(new(volume, vnode)) };

    public void PutKeptVersion(KeptVersion kept) =>
        State = State with { Kept = State.Kept.Set(new(kept.Fid, kept.Content.Version), kept) };

    public void DeleteKeptVersion(Fid fid, DataVersion version) => State = State with { Kept = State.Kept.Remove(new(fid, version)) };

    public void PutUnnamed(Fid fid, SessionId session) =>
        State = State with { Unnamed = State.Unnamed.Set(new(fid.Volume, fid.Vnode), (fid, session)) };

    public void DeleteUnnamed(VolumeId volume, VnodeNumber vnode) =>
        State = State with { Unnamed = State.Unnamed.Remove(new(volume, vnode)) };

    public void PutSession(SessionRecord session) => State = State with { Sessions = State.Sessions.Set(session.Id.Value, session) };

    public void DeleteSession(SessionId session)
    {
        DeleteReplies(session, new CallSequence(ulong.MaxValue));
        State = State with { Sessions = State.Sessions.Remove(session.Value) };
    }

    public void PutReply(SessionId session, CallSequence sequence, StoredReply reply) =>
        State = State with { Replies = State.Replies.Set(new(session, sequence), reply) };

    public void DeleteReplies(SessionId session, CallSequence through)
    {
        List<ReplyKey> seen = [.. State.Replies.From(new(session, new CallSequence(0)), behind: false)
            .Select(e => e.Key).TakeWhile(key => key.Session == session && key.Sequence.Value <= through.Value)];
        foreach (ReplyKey key in seen)
            State = State with { Replies = State.Replies.Remove(key) };
    }

    public void Commit() => store.Commit(State);

    public override void Dispose() => store.End(this);
}
