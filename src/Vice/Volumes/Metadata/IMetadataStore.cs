using Afs.Rpc;
using Afs.Rules;
using Afs.Vice.Volumes.Content;
using Afs.Wire;

namespace Afs.Vice.Volumes.Metadata;

/// <summary>
/// Everything durable but large contents: volumes, vnodes, directory entries, xattrs, small contents, sessions, replies.
/// One writer at a time, any number of views. Failures throw <see cref="StorageException"/>.
/// </summary>
public interface IMetadataStore : IDisposable
{
    /// <summary>A consistent snapshot of what was committed when it is first read. Never waits for the writer. Used by one thread at a time; short-lived.</summary>
    IMetadataView OpenView();

    /// <summary>The one transaction. A second before the first is disposed is a broken invariant and throws.</summary>
    IMetadataTransaction BeginTransaction();

    /// <summary>Chores that may take a while, such as moving the log into the database. The writer's thread calls it when nothing waits.</summary>
    void Maintain();
}

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

    /// <summary>Every object of the content store that a file or a kept version names, in no order; one for each row that names it.</summary>
    IReadOnlyList<ObjectId> ReadObjects();

    /// <summary>Whether any row names this object of the content store, as its content or as what that is a patch over. Any number of rows may.</summary>
    bool IsNamed(ObjectId id);

    IReadOnlyList<KeptVersion> ReadKeptVersions();

    /// <summary>Objects without a name, with the session that holds each.</summary>
    IReadOnlyList<(Fid Fid, SessionId Session)> ReadUnnamed();

    /// <summary>The session that holds an object without a name; null where it has one.</summary>
    SessionId? FindUnnamed(VolumeId volume, VnodeNumber vnode);

    IReadOnlyList<SessionRecord> ReadSessions();

    SessionRecord? FindSession(SessionId session);

    StoredReply? FindReply(SessionId session, CallSequence sequence);

    /// <summary>All blocks of vnode numbers that clients leased, in the order of volumes and numbers.</summary>
    IReadOnlyList<VnodeLease> ReadVnodeLeases();

    /// <summary>One client's of a volume, in the order of numbers.</summary>
    IReadOnlyList<VnodeLease> ReadVnodeLeases(VolumeId volume, ClientId client);

    /// <summary>The block that a number is in.</summary>
    VnodeLease? FindVnodeLease(VolumeId volume, VnodeNumber vnode);

    /// <summary>The last batch of a client that was applied to a volume; the default: none.</summary>
    LastBatch FindLastBatch(VolumeId volume, ClientId client);
}

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

    /// <summary>New, or in the place of what is there of that block.</summary>
    void PutVnodeLease(VnodeLease lease);

    void DeleteVnodeLease(VnodeLease lease);

    void PutLastBatch(VolumeId volume, ClientId client, LastBatch batch);

    /// <summary>What comes from here on can be taken back by itself. One at a time.</summary>
    void SetSavepoint();

    /// <summary>What came since the savepoint stays.</summary>
    void ReleaseSavepoint();

    /// <summary>What came since the savepoint never was. Throws: the whole transaction is over, and nothing of it happened.</summary>
    void RollBackToSavepoint();

    /// <summary>On stable storage when this returns. Throws: nothing of the transaction happened.</summary>
    void Commit();
}

/// <summary>What the server remembers of itself.</summary>
/// <param name="Epoch">The life that wrote this; zero before the first.</param>
/// <param name="LastSession">The highest session number ever given.</param>
public sealed record ServerRecord(Epoch Epoch, SessionId LastSession);

/// <summary>A volume's own row.</summary>
/// <param name="LastVnode">The highest vnode number ever given; numbers are never reused.</param>
/// <param name="Version">Rises with each change in the volume.</param>
/// <param name="Incarnation">Random, made with the volume, and again when it is restored from a backup.</param>
/// <param name="Vnodes">How many there are.</param>
public sealed record VolumeRecord(
    VolumeId Id,
    string Name,
    VnodeNumber LastVnode,
    VolumeVersion Version,
    ulong Incarnation,
    ulong Vnodes)
{
    /// <summary>Of its root directory, whose fid everybody is told; of all others each has one of its own. Never zero.</summary>
    public Uniquifier RootUniquifier => new((uint)(Incarnation ^ (Incarnation >> 32)) | 1);
}

/// <summary>Where a file's current content is. An empty file has none.</summary>
/// <param name="Version">The version of the file that it belongs to.</param>
/// <param name="Object">The object of the content store, which other rows may name too; <see cref="ObjectId.None"/> where <paramref name="Data"/> has what it would hold.</param>
/// <param name="Data">A small content itself, or, where there is a base, a small patch; else null.</param>
/// <param name="Writer">Who stored it.</param>
/// <param name="Base">The whole object that <paramref name="Object"/> or <paramref name="Data"/> is a patch over; <see cref="ObjectId.None"/> where that is whole.</param>
public sealed record ContentRecord(DataVersion Version, ObjectId Object, byte[]? Data, ClientId Writer, ObjectId Base = default)
{
    /// <summary>The whole content, where it needs no file; else null.</summary>
    public byte[]? Inline => Base == ObjectId.None ? Data : null;

    /// <summary>The objects that it needs.</summary>
    public IEnumerable<ObjectId> Objects => new[] { Object, Base }.Where(static id => id != ObjectId.None);
}

/// <summary>
/// A version that somebody's store replaced without having seen it. Kept for a while, so that an update that was lost to
/// "last closer wins" can be got back.
/// </summary>
/// <param name="Content">Its <see cref="ContentRecord.Writer"/> is who lost.</param>
/// <param name="KeptAt">The server's clock.</param>
public sealed record KeptVersion(Fid Fid, long LengthBytes, uint Crc32C, ContentRecord Content, DateTimeOffset KeptAt)
{
    /// <summary>How people name it.</summary>
    public string Id => $"{Fid}@{Content.Version}";
}

/// <summary>A client's session, which outlives the server's restarts.</summary>
/// <param name="ForgottenThrough">The client has seen all replies up to this call, and they may be gone.</param>
/// <param name="HasLapsed">Its client's lease ended, so that it trusts nothing that this server promised: a restart need not wait for it.</param>
/// <param name="HoldsTokens">It may hold write tokens: after a restart nobody else reads before it has claimed them again, or its lease is over.</param>
/// <param name="HoldsLocks">It may hold locks of files: after a restart nobody is granted any before it has claimed them again, or its lease is over.</param>
public sealed record SessionRecord(SessionId Id, ClientId Client, CallSequence ForgottenThrough, bool HasLapsed, bool HoldsTokens = false, bool HoldsLocks = false);

/// <summary>The batch of a client that was applied last, and what was answered: whoever sends it once more gets the same answer, also by another call, in another session.</summary>
/// <param name="Answer">The reply as on the wire, without tokens: those are a session's.</param>
public readonly record struct LastBatch(BatchNumber Number, ReadOnlyMemory<byte> Answer);

/// <summary>A block of vnode numbers that a client leased: it names new objects by them, in rising order.</summary>
/// <param name="End">The number behind the last.</param>
/// <param name="Next">The lowest that may still be used. A block of which none may be is no more.</param>
public sealed record VnodeLease(VolumeId Volume, VnodeNumber First, VnodeNumber End, VnodeNumber Next, Uniquifier Uniquifier, ClientId Client)
{
    /// <summary>A new object of that client may have this fid.</summary>
    public bool Allows(Fid fid, ClientId client) =>
        fid.Volume == Volume && fid.Uniquifier == Uniquifier && client == Client && fid.Vnode.Value >= Next.Value && fid.Vnode.Value < End.Value;
}

/// <summary>Why the metadata could not be read or written.</summary>
public enum StorageFailure
{
    /// <summary>The disk failed, or something unforeseen. What a commit did is unknown until the store is opened again.</summary>
    Failed,

    /// <summary>No room. Nothing was changed.</summary>
    NoSpace,

    /// <summary>What is there isn't what was written.</summary>
    Corrupt,

    /// <summary>Written by a newer program.</summary>
    NewerFormat,

    /// <summary>Written by an older program, and opened for reading only.</summary>
    OlderFormat,

    /// <summary>Another process writes to it.</summary>
    InUse,

    NoPermission,
}

/// <summary>The metadata store failed.</summary>
public sealed class StorageException(StorageFailure failure, string message, Exception? inner = null) : Exception(message, inner)
{
    public StorageFailure Failure { get; } = failure;
}
