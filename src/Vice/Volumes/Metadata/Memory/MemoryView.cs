using Afs.Rpc;
using Afs.Vice.Volumes.Content;
using Afs.Wire;

namespace Afs.Vice.Volumes.Metadata.Memory;

/// <summary>Reads one state.</summary>
internal class MemoryView(MemoryState state) : IMetadataView
{
    /// <summary>What is read; a transaction replaces it with each write.</summary>
    protected MemoryState State { get; set; } = state;

    public ServerRecord ReadServer() => State.Server;

    public IReadOnlyList<VolumeRecord> ReadVolumes() => [.. State.Volumes.Values];

    public VolumeRecord? FindVolume(VolumeId volume) => State.Volumes.Find(volume.Value);

    public FetchStatus? FindVnode(VolumeId volume, VnodeNumber vnode) => State.Vnodes.Find(new(volume, vnode));

    public IReadOnlyList<FetchStatus> ReadVnodes(VolumeId volume, VnodeNumber after, int most) =>
        [.. State.Vnodes.From(new(volume, after), behind: true).TakeWhile(e => e.Key.Volume == volume).Take(most).Select(e => e.Value)];

    public EntryRecord? FindEntry(VolumeId volume, VnodeNumber directory, byte[] name) =>
        State.Entries.Find(new(new(volume, directory), name));

    public IReadOnlyList<EntryRecord> ReadEntries(VolumeId volume, VnodeNumber directory, byte[]? after, int most) =>
        [.. State.Entries.From(new(new(volume, directory), after ?? []), behind: true)
            .TakeWhile(e => e.Key.Vnode == new VnodeKey(volume, directory)).Take(most).Select(e => e.Value)];

    public IReadOnlyList<EntryRecord> ReadAllEntries(VolumeId volume, VnodeNumber directory, byte[] after, int most) =>
        [.. State.Entries.From(new(new(volume, directory), after), behind: true)
            .TakeWhile(e => e.Key.Vnode.Volume == volume).Take(most).Select(e => e.Value)];

    public IReadOnlyList<Xattr> ReadXattrs(VolumeId volume, VnodeNumber vnode) =>
        [.. State.Xattrs.From(new(new(volume, vnode), []), behind: false)
            .TakeWhile(e => e.Key.Vnode == new VnodeKey(volume, vnode))
            .Select(e => new Xattr { Name = e.Key.Name, Value = e.Value })];

    public ContentRecord? FindContent(VolumeId volume, VnodeNumber vnode) => State.Contents.Find(new(volume, vnode));

    public IReadOnlyList<(VnodeNumber Vnode, ContentRecord Content)> ReadContents(VolumeId volume, VnodeNumber after, int most) =>
        [.. State.Contents.From(new(volume, after), behind: true)
            .TakeWhile(e => e.Key.Volume == volume).Take(most).Select(e => (e.Key.Vnode, e.Value))];

    public IReadOnlyList<ObjectId> ReadObjects() =>
        [.. State.Contents.Values.Concat(State.Kept.Values.Select(kept => kept.Content)).SelectMany(c => c.Objects)];

    public IReadOnlyList<KeptVersion> ReadKeptVersions() => [.. State.Kept.Values];

    public IReadOnlyList<(Fid Fid, SessionId Session)> ReadUnnamed() => [.. State.Unnamed.Values];

    public IReadOnlyList<SessionRecord> ReadSessions() => [.. State.Sessions.Values];

    public SessionRecord? FindSession(SessionId session) => State.Sessions.Find(session.Value);

    public StoredReply? FindReply(SessionId session, CallSequence sequence) =>
        State.Replies.TryGet(new(session, sequence), out StoredReply reply) ? reply : null;

    public virtual void Dispose()
    {
    }
}
