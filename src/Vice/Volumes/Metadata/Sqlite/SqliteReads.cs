using Afs.Rpc;
using Afs.Vice.Volumes.Content;
using Afs.Wire;

namespace Afs.Vice.Volumes.Metadata.Sqlite;

/// <summary>All reads, over whichever connection: a view's or the writer's.</summary>
internal abstract class SqliteReads(Database database) : IMetadataView
{
    protected Database Database => database;

    public ServerRecord ReadServer()
    {
        Statement row = database.Prepare("SELECT epoch, last_session FROM server");
        return One(row, r => new ServerRecord(new Epoch(r.UInt64(0)), new SessionId(r.UInt64(1))))
            ?? throw new StorageException(StorageFailure.Corrupt, "The metadata has no server row.");
    }

    public IReadOnlyList<VolumeRecord> ReadVolumes() =>
        All(database.Prepare($"SELECT {SqliteRows.VolumeColumns} FROM volumes ORDER BY volume"), SqliteRows.Volume);

    public VolumeRecord? FindVolume(VolumeId volume) =>
        One(database.Prepare($"SELECT {SqliteRows.VolumeColumns} FROM volumes WHERE volume = ?").Add(volume.Value), SqliteRows.Volume);

    public FetchStatus? FindVnode(VolumeId volume, VnodeNumber vnode)
    {
        Statement row = database.Prepare($"SELECT {SqliteRows.VnodeColumns} FROM vnodes WHERE volume = ? AND vnode = ?")
            .Add(volume.Value).Add(vnode.Value);
        FetchStatus? status = row.Step() ? SqliteRows.Vnode(row, volume) : null;
        row.Reset();
        return status;
    }

    public IReadOnlyList<FetchStatus> ReadVnodes(VolumeId volume, VnodeNumber after, int most) => All(
        database.Prepare($"SELECT {SqliteRows.VnodeColumns} FROM vnodes WHERE volume = ? AND vnode > ? ORDER BY vnode LIMIT ?")
            .Add(volume.Value).Add(after.Value).Add(most),
        row => SqliteRows.Vnode(row, volume));

    public EntryRecord? FindEntry(VolumeId volume, VnodeNumber directory, byte[] name)
    {
        Statement row = database.Prepare($"SELECT {SqliteRows.EntryColumns} FROM entries WHERE volume = ? AND directory = ? AND name = ?")
            .Add(volume.Value).Add(directory.Value).Add(name);
        EntryRecord? entry = row.Step() ? SqliteRows.Entry(row, volume) : null;
        row.Reset();
        return entry;
    }

    public IReadOnlyList<EntryRecord> ReadEntries(VolumeId volume, VnodeNumber directory, byte[]? after, int most) => All(
        database.Prepare($"SELECT {SqliteRows.EntryColumns} FROM entries WHERE volume = ? AND directory = ? AND name > ? ORDER BY name LIMIT ?")
            .Add(volume.Value).Add(directory.Value).Add(after ?? []).Add(most),
        row => SqliteRows.Entry(row, volume));

    public IReadOnlyList<EntryRecord> ReadAllEntries(VolumeId volume, VnodeNumber directory, byte[] after, int most) => All(
        database.Prepare($"SELECT {SqliteRows.EntryColumns} FROM entries WHERE volume = ? AND (directory, name) > (?, ?) ORDER BY directory, name LIMIT ?")
            .Add(volume.Value).Add(directory.Value).Add(after).Add(most),
        row => SqliteRows.Entry(row, volume));

    public IReadOnlyList<Xattr> ReadXattrs(VolumeId volume, VnodeNumber vnode) => All(
        database.Prepare("SELECT name, value FROM xattrs WHERE volume = ? AND vnode = ? ORDER BY name").Add(volume.Value).Add(vnode.Value),
        row => new Xattr { Name = row.Blob(0), Value = row.Blob(1) });

    public ContentRecord? FindContent(VolumeId volume, VnodeNumber vnode) => One(
        database.Prepare($"SELECT {SqliteRows.ContentColumns} FROM contents WHERE volume = ? AND vnode = ?").Add(volume.Value).Add(vnode.Value),
        row => SqliteRows.Content(row, 0));

    public IReadOnlyList<(VnodeNumber Vnode, ContentRecord Content)> ReadContents(VolumeId volume, VnodeNumber after, int most) => All(
        database.Prepare($"SELECT vnode, {SqliteRows.ContentColumns} FROM contents WHERE volume = ? AND vnode > ? ORDER BY vnode LIMIT ?")
            .Add(volume.Value).Add(after.Value).Add(most),
        row => (new VnodeNumber(row.UInt64(0)), SqliteRows.Content(row, 1)));

    public IReadOnlyList<ObjectId> ReadObjects() => All(
        database.Prepare("SELECT object FROM contents WHERE object != 0 UNION ALL SELECT object FROM kept WHERE object != 0 " +
            "UNION ALL SELECT base FROM contents WHERE base != 0 UNION ALL SELECT base FROM kept WHERE base != 0"),
        row => new ObjectId(row.UInt64(0)));

    public IReadOnlyList<KeptVersion> ReadKeptVersions() => All(
        database.Prepare($"SELECT volume, vnode, uniquifier, length, crc32c, kept_at_ms, {SqliteRows.ContentColumns} FROM kept ORDER BY kept_at_ms"),
        row => new KeptVersion(
            new Fid(new VolumeId(row.UInt32(0)), new VnodeNumber(row.UInt64(1)), new Uniquifier(row.UInt32(2))),
            row.Int64(3),
            row.UInt32(4),
            SqliteRows.Content(row, 6),
            DateTimeOffset.FromUnixTimeMilliseconds(row.Int64(5))));

    public IReadOnlyList<(Fid Fid, SessionId Session)> ReadUnnamed() => All(
        database.Prepare("SELECT volume, vnode, uniquifier, session FROM unnamed ORDER BY volume, vnode"),
        row => (new Fid(new VolumeId(row.UInt32(0)), new VnodeNumber(row.UInt64(1)), new Uniquifier(row.UInt32(2))), new SessionId(row.UInt64(3))));

    public IReadOnlyList<SessionRecord> ReadSessions() =>
        All(database.Prepare($"SELECT {SqliteRows.SessionColumns} FROM sessions ORDER BY session"), SqliteRows.Session);

    public SessionRecord? FindSession(SessionId session) =>
        One(database.Prepare($"SELECT {SqliteRows.SessionColumns} FROM sessions WHERE session = ?").Add(session.Value), SqliteRows.Session);

    public StoredReply? FindReply(SessionId session, CallSequence sequence)
    {
        Statement row = database.Prepare("SELECT abort, body FROM replies WHERE session = ? AND sequence = ?").Add(session.Value).Add(sequence.Value);
        StoredReply? reply = row.Step() ? new StoredReply(new AbortCode((int)row.Int64(0)), row.Blob(1)) : null;
        row.Reset();
        return reply;
    }

    public abstract void Dispose();

    private static T? One<T>(Statement row, Func<Statement, T> read)
        where T : class
    {
        T? value = row.Step() ? read(row) : null;
        row.Reset();
        return value;
    }

    private static List<T> All<T>(Statement row, Func<Statement, T> read)
    {
        var list = new List<T>();
        while (row.Step())
            list.Add(read(row));
        row.Reset();
        return list;
    }
}
