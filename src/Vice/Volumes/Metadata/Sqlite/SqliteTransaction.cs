using Afs.Rpc;
using Afs.Rules;
using Afs.Vice.Volumes.Content;
using Afs.Wire;
using SQLitePCL;

namespace Afs.Vice.Volumes.Metadata.Sqlite;

/// <summary>The writer's transaction, on the store's one writing connection.</summary>
internal sealed class SqliteTransaction : SqliteReads, IMetadataTransaction
{
    private readonly SqliteMetadataStore _store;
    private bool _isCommitted;

    public SqliteTransaction(Database writer, SqliteMetadataStore store)
        : base(writer)
    {
        _store = store;
    }

    /// <summary>Before anything else.</summary>
    public void Begin() => Database.Prepare("BEGIN IMMEDIATE").Run();

    public void PutServer(ServerRecord server) => Database
        .Prepare("UPDATE server SET epoch = ?, last_session = ?").Add(server.Epoch.Value).Add(server.LastSession.Value).Run();

    /// <summary>Each commit does: an update leaves the index of names alone, of which a replacement would write a page to the log each time.</summary>
    public void PutVolume(VolumeRecord volume)
    {
        Database
            .Prepare("UPDATE volumes SET last_vnode = ?, version = ?, incarnation = ?, vnodes = ? WHERE volume = ? AND name = ?")
            .Add(volume.LastVnode.Value).Add(volume.Version.Value).Add(volume.Incarnation).Add(volume.Vnodes).Add(volume.Id.Value).Add(volume.Name).Run();
        if (Database.ChangedRows > 0)
            return;
        Database
            .Prepare($"INSERT OR REPLACE INTO volumes ({SqliteRows.VolumeColumns}) VALUES (?, ?, ?, ?, ?, ?)")
            .Add(volume.Id.Value).Add(volume.Name).Add(volume.LastVnode.Value).Add(volume.Version.Value).Add(volume.Incarnation).Add(volume.Vnodes).Run();
    }

    public void PutVnode(FetchStatus status) => Database
        .Prepare($"INSERT OR REPLACE INTO vnodes (volume, {SqliteRows.VnodeColumns}) " +
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .Add(status.Fid.Volume.Value).Add(status.Fid.Vnode.Value).Add(status.Fid.Uniquifier.Value)
        .Add((long)status.Type).Add(status.Mode).Add(status.Uid).Add(status.Gid)
        .Add(status.LengthBytes).Add(status.AllocatedBytes).Add(status.LinkCount)
        .Add(status.DataVersion.Value).Add(status.StatusVersion.Value)
        .Add(status.AccessTime.Seconds).Add(status.AccessTime.Nanoseconds)
        .Add(status.ModifyTime.Seconds).Add(status.ModifyTime.Nanoseconds)
        .Add(status.ChangeTime.Seconds).Add(status.ChangeTime.Nanoseconds)
        .Add(status.Parent.Vnode.Value).Add(status.Parent.Uniquifier.Value)
        .Add(status.DeviceNumber).Add(status.ContentCrc32C).Add(status.SymlinkTarget).Add(SqliteRows.Xattrs(status)).Run();

    public void DeleteVnode(VolumeId volume, VnodeNumber vnode)
    {
        Database.Prepare("DELETE FROM vnodes WHERE volume = ? AND vnode = ?").Add(volume.Value).Add(vnode.Value).Run();
        Database.Prepare("DELETE FROM xattrs WHERE volume = ? AND vnode = ?").Add(volume.Value).Add(vnode.Value).Run();
        DeleteContent(volume, vnode);
        DeleteUnnamed(volume, vnode);
    }

    public void PutEntry(VolumeId volume, EntryRecord entry) => Database
        .Prepare($"INSERT OR REPLACE INTO entries (volume, {SqliteRows.EntryColumns}) VALUES (?, ?, ?, ?, ?, ?)")
        .Add(volume.Value).Add(entry.Directory.Value).Add(entry.Name)
        .Add(entry.Target.Vnode.Value).Add(entry.Target.Uniquifier.Value).Add((long)entry.Type).Run();

    public void DeleteEntry(VolumeId volume, VnodeNumber directory, byte[] name) => Database
        .Prepare("DELETE FROM entries WHERE volume = ? AND directory = ? AND name = ?").Add(volume.Value).Add(directory.Value).Add(name).Run();

    public void PutXattr(VolumeId volume, VnodeNumber vnode, byte[] name, byte[] value) => Database
        .Prepare("INSERT OR REPLACE INTO xattrs (volume, vnode, name, value) VALUES (?, ?, ?, ?)")
        .Add(volume.Value).Add(vnode.Value).Add(name).Add(value).Run();

    public void DeleteXattr(VolumeId volume, VnodeNumber vnode, byte[] name) => Database
        .Prepare("DELETE FROM xattrs WHERE volume = ? AND vnode = ? AND name = ?").Add(volume.Value).Add(vnode.Value).Add(name).Run();

    public void PutContent(VolumeId volume, VnodeNumber vnode, ContentRecord content) => Database
        .Prepare($"INSERT OR REPLACE INTO contents (volume, vnode, {SqliteRows.ContentColumns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
        .Add(volume.Value).Add(vnode.Value).Add(content.Version.Value).Add(content.Object.Value)
        .Add(content.Writer.High).Add(content.Writer.Low).Add(content.Data).Add(content.Base.Value).Run();

    public void DeleteContent(VolumeId volume, VnodeNumber vnode) => Database
        .Prepare("DELETE FROM contents WHERE volume = ? AND vnode = ?").Add(volume.Value).Add(vnode.Value).Run();

    public void PutKeptVersion(KeptVersion kept) => Database
        .Prepare($"INSERT OR REPLACE INTO kept (volume, vnode, uniquifier, length, crc32c, kept_at_ms, {SqliteRows.ContentColumns}) " +
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .Add(kept.Fid.Volume.Value).Add(kept.Fid.Vnode.Value).Add(kept.Fid.Uniquifier.Value)
        .Add(kept.LengthBytes).Add(kept.Crc32C).Add(kept.KeptAt.ToUnixTimeMilliseconds())
        .Add(kept.Content.Version.Value).Add(kept.Content.Object.Value)
        .Add(kept.Content.Writer.High).Add(kept.Content.Writer.Low).Add(kept.Content.Data).Add(kept.Content.Base.Value).Run();

    public void DeleteKeptVersion(Fid fid, DataVersion version) => Database
        .Prepare("DELETE FROM kept WHERE volume = ? AND vnode = ? AND data_version = ?")
        .Add(fid.Volume.Value).Add(fid.Vnode.Value).Add(version.Value).Run();

    public void PutUnnamed(Fid fid, SessionId session) => Database
        .Prepare("INSERT OR REPLACE INTO unnamed (volume, vnode, uniquifier, session) VALUES (?, ?, ?, ?)")
        .Add(fid.Volume.Value).Add(fid.Vnode.Value).Add(fid.Uniquifier.Value).Add(session.Value).Run();

    public void DeleteUnnamed(VolumeId volume, VnodeNumber vnode) => Database
        .Prepare("DELETE FROM unnamed WHERE volume = ? AND vnode = ?").Add(volume.Value).Add(vnode.Value).Run();

    public void PutSession(SessionRecord session) => Database
        .Prepare($"INSERT OR REPLACE INTO sessions ({SqliteRows.SessionColumns}) VALUES (?, ?, ?, ?, ?, ?)")
        .Add(session.Id.Value).Add(session.Client.High).Add(session.Client.Low)
        .Add(session.ForgottenThrough.Value).Add(session.HasLapsed ? 1 : 0).Add(SqliteRows.Holdings(session)).Run();

    public void DeleteSession(SessionId session)
    {
        Database.Prepare("DELETE FROM replies WHERE session = ?").Add(session.Value).Run();
        Database.Prepare("DELETE FROM sessions WHERE session = ?").Add(session.Value).Run();
    }

    public void PutReply(SessionId session, CallSequence sequence, StoredReply reply) => Database
        .Prepare("INSERT OR REPLACE INTO replies (session, sequence, abort, body, request) VALUES (?, ?, ?, ?, ?)")
        .Add(session.Value).Add(sequence.Value).Add(reply.Abort.Value).Add(reply.Body.ToArray()).Add(reply.Request.Value).Run();

    public void DeleteReplies(SessionId session, CallSequence through) => Database
        .Prepare("DELETE FROM replies WHERE session = ? AND sequence <= ?").Add(session.Value).Add(through.Value).Run();

    public void PutVnodeLease(VnodeLease lease) => Database
        .Prepare($"INSERT OR REPLACE INTO vnode_leases ({SqliteRows.LeaseColumns}) VALUES (?, ?, ?, ?, ?, ?, ?)")
        .Add(lease.Volume.Value).Add(lease.First.Value).Add(lease.End.Value).Add(lease.Next.Value).Add(lease.Uniquifier.Value)
        .Add(lease.Client.High).Add(lease.Client.Low).Run();

    public void DeleteVnodeLease(VnodeLease lease) => Database
        .Prepare("DELETE FROM vnode_leases WHERE volume = ? AND first = ?").Add(lease.Volume.Value).Add(lease.First.Value).Run();

    public void PutLastBatch(VolumeId volume, ClientId client, LastBatch batch) => Database
        .Prepare("INSERT OR REPLACE INTO batches (volume, client_high, client_low, last, answer) VALUES (?, ?, ?, ?, ?)")
        .Add(volume.Value).Add(client.High).Add(client.Low).Add(batch.Number.Value).Add(batch.Answer.ToArray()).Run();

    public void SetSavepoint() => Database.Prepare("SAVEPOINT work").Run();

    public void ReleaseSavepoint() => Database.Prepare("RELEASE work").Run();

    /// <summary>After some failures, as of a full disk, SQLite has rolled back the whole transaction by itself.</summary>
    public void RollBackToSavepoint()
    {
        if (!Database.IsInTransaction)
            throw new StorageException(StorageFailure.Failed, "Metadata: SQLite took back the whole transaction.");
        Database.Prepare("ROLLBACK TO work").Run();
        ReleaseSavepoint();
    }

    public void Commit()
    {
        Database.Prepare("COMMIT").Run();
        _isCommitted = true;
    }

    public override void Dispose()
    {
        try
        {
            if (!_isCommitted && Database.IsInTransaction)
                Database.Prepare("ROLLBACK").Run();
        }
        finally
        {
            _store.End(this);
        }
    }
}

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

    public bool IsNamed(ObjectId id)
    {
        Statement row = database.Prepare(
                "SELECT EXISTS (SELECT 1 FROM contents WHERE object = ? AND object != 0) OR EXISTS (SELECT 1 FROM contents WHERE base = ? AND base != 0) " +
                "OR EXISTS (SELECT 1 FROM kept WHERE object = ? AND object != 0) OR EXISTS (SELECT 1 FROM kept WHERE base = ? AND base != 0)")
            .Add(id.Value).Add(id.Value).Add(id.Value).Add(id.Value);
        bool isNamed = row.Step() && row.Int64(0) != 0;
        row.Reset();
        return isNamed;
    }

    public IReadOnlyList<KeptVersion> ReadKeptVersions() => All(
        database.Prepare($"SELECT volume, vnode, uniquifier, length, crc32c, kept_at_ms, {SqliteRows.ContentColumns} FROM kept ORDER BY kept_at_ms"),
        row => new KeptVersion(
            new Fid(new VolumeId(row.UInt32(0)), new VnodeNumber(row.UInt64(1)), new Uniquifier(row.UInt32(2))),
            row.Int64(3),
            row.UInt32(4),
            SqliteRows.Content(row, 6),
            SqliteRows.Time(row, 5)));

    public IReadOnlyList<(Fid Fid, SessionId Session)> ReadUnnamed() => All(
        database.Prepare("SELECT volume, vnode, uniquifier, session FROM unnamed ORDER BY volume, vnode"),
        row => (new Fid(new VolumeId(row.UInt32(0)), new VnodeNumber(row.UInt64(1)), new Uniquifier(row.UInt32(2))), new SessionId(row.UInt64(3))));

    public SessionId? FindUnnamed(VolumeId volume, VnodeNumber vnode)
    {
        Statement row = database.Prepare("SELECT session FROM unnamed WHERE volume = ? AND vnode = ?").Add(volume.Value).Add(vnode.Value);
        SessionId? session = row.Step() ? new SessionId(row.UInt64(0)) : null;
        row.Reset();
        return session;
    }

    public IReadOnlyList<SessionRecord> ReadSessions() =>
        All(database.Prepare($"SELECT {SqliteRows.SessionColumns} FROM sessions ORDER BY session"), SqliteRows.Session);

    public SessionRecord? FindSession(SessionId session) =>
        One(database.Prepare($"SELECT {SqliteRows.SessionColumns} FROM sessions WHERE session = ?").Add(session.Value), SqliteRows.Session);

    public IReadOnlyList<VnodeLease> ReadVnodeLeases() =>
        All(database.Prepare($"SELECT {SqliteRows.LeaseColumns} FROM vnode_leases ORDER BY volume, first"), SqliteRows.Lease);

    public IReadOnlyList<VnodeLease> ReadVnodeLeases(VolumeId volume, ClientId client) => All(
        database.Prepare($"SELECT {SqliteRows.LeaseColumns} FROM vnode_leases WHERE volume = ? AND client_high = ? AND client_low = ? ORDER BY first")
            .Add(volume.Value).Add(client.High).Add(client.Low),
        SqliteRows.Lease);

    public VnodeLease? FindVnodeLease(VolumeId volume, VnodeNumber vnode) => One(
        database.Prepare($"SELECT {SqliteRows.LeaseColumns} FROM vnode_leases WHERE volume = ? AND first <= ? ORDER BY first DESC LIMIT 1")
            .Add(volume.Value).Add(vnode.Value),
        SqliteRows.Lease) is { } lease && vnode.Value < lease.End.Value ? lease : null;

    public LastBatch FindLastBatch(VolumeId volume, ClientId client)
    {
        Statement row = database.Prepare("SELECT last, answer FROM batches WHERE volume = ? AND client_high = ? AND client_low = ?")
            .Add(volume.Value).Add(client.High).Add(client.Low);
        LastBatch last = row.Step() ? new LastBatch(new BatchNumber(row.UInt64(0)), row.Blob(1)) : default;
        row.Reset();
        return last;
    }

    public StoredReply? FindReply(SessionId session, CallSequence sequence)
    {
        Statement row = database.Prepare("SELECT abort, body, request FROM replies WHERE session = ? AND sequence = ?").Add(session.Value).Add(sequence.Value);
        StoredReply? reply = row.Step() ? new StoredReply(new AbortCode((int)row.Int64(0)), row.Blob(1), new RequestDigest(row.UInt64(2))) : null;
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

/// <summary>From rows to records. Each method names the columns that it expects, in order.</summary>
internal static class SqliteRows
{
    private const int HoldsTokensBit = 1, HoldsLocksBit = 2;
    private const int ListsShift = 1, ListsMask = 3, XattrsVersionShift = 3;

    public const string VnodeColumns =
        "vnode, uniquifier, type, mode, uid, gid, length, allocated, links, data_version, status_version, " +
        "atime, atime_ns, mtime, mtime_ns, ctime, ctime_ns, parent, parent_uniquifier, device, crc32c, symlink, has_xattrs";

    public const string EntryColumns = "directory, name, vnode, uniquifier, type";

    public const string ContentColumns = "data_version, object, writer_high, writer_low, data, base";

    public const string SessionColumns = "session, client_high, client_low, forgotten_through, has_lapsed, holds_tokens";

    public const string LeaseColumns = "volume, first, \"end\", next, uniquifier, client_high, client_low";

    public const string VolumeColumns = "volume, name, last_vnode, version, incarnation, vnodes";

    public static FetchStatus Vnode(Statement row, VolumeId volume)
    {
        FileType type = TypeOf(row, 2);
        return new FetchStatus
        {
            Fid = new Fid(volume, new VnodeNumber(row.UInt64(0)), new Uniquifier(row.UInt32(1))),
            Type = type,
            Mode = row.UInt32(3),
            Uid = row.UInt32(4),
            Gid = row.UInt32(5),
            LengthBytes = row.Int64(6),
            AllocatedBytes = row.Int64(7),
            LinkCount = row.UInt32(8),
            DataVersion = new DataVersion(row.UInt64(9)),
            StatusVersion = new StatusVersion(row.UInt64(10)),
            AccessTime = new Timestamp(row.Int64(11), row.UInt32(12)),
            ModifyTime = new Timestamp(row.Int64(13), row.UInt32(14)),
            ChangeTime = new Timestamp(row.Int64(15), row.UInt32(16)),
            Parent = type == FileType.Directory
                ? new Fid(volume, new VnodeNumber(row.UInt64(17)), new Uniquifier(row.UInt32(18)))
                : default,
            DeviceNumber = row.UInt32(19),
            ContentCrc32C = row.UInt32(20),
            SymlinkTarget = row.BlobOrNull(21),
            HasXattrs = row.Int64(22) != 0,
            Lists = (AccessLists)(row.Int64(22) >> ListsShift & ListsMask),
            XattrsVersion = new StatusVersion(row.UInt64(22) >> XattrsVersionShift),
        };
    }

    /// <summary>The column has_xattrs: 0 for none; else bit 0, the access lists in bits 1 and 2, and their version behind. Before there were lists it was 0 or 1.</summary>
    public static ulong Xattrs(FetchStatus status) =>
        status.HasXattrs ? 1 | (ulong)status.Lists << ListsShift | status.XattrsVersion.Value << XattrsVersionShift : 0;

    public static EntryRecord Entry(Statement row, VolumeId volume) => new(
        new VnodeNumber(row.UInt64(0)),
        row.Blob(1),
        new Fid(volume, new VnodeNumber(row.UInt64(2)), new Uniquifier(row.UInt32(3))),
        TypeOf(row, 4));

    /// <param name="first">The column where <see cref="ContentColumns"/> begin.</param>
    public static ContentRecord Content(Statement row, int first) => new(
        new DataVersion(row.UInt64(first)),
        new ObjectId(row.UInt64(first + 1)),
        row.BlobOrNull(first + 4),
        new ClientId(row.UInt64(first + 2), row.UInt64(first + 3)),
        new ObjectId(row.UInt64(first + 5)));

    /// <summary>A time that can't be is the nearest one that can: a kept version is dropped by it, and nothing else.</summary>
    public static DateTimeOffset Time(Statement row, int column) => DateTimeOffset.FromUnixTimeMilliseconds(
        Math.Clamp(row.Int64(column), DateTimeOffset.MinValue.ToUnixTimeMilliseconds(), DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()));

    public static SessionRecord Session(Statement row) => new(
        new SessionId(row.UInt64(0)),
        new ClientId(row.UInt64(1), row.UInt64(2)),
        new CallSequence(row.UInt64(3)),
        row.Int64(4) != 0,
        (row.Int64(5) & HoldsTokensBit) != 0,
        (row.Int64(5) & HoldsLocksBit) != 0);

    /// <summary>The column holds_tokens: bit 0 for write tokens, bit 1 for locks.</summary>
    public static int Holdings(SessionRecord session) => (session.HoldsTokens ? HoldsTokensBit : 0) | (session.HoldsLocks ? HoldsLocksBit : 0);

    public static VnodeLease Lease(Statement row) => new(
        new VolumeId(row.UInt32(0)),
        new VnodeNumber(row.UInt64(1)),
        new VnodeNumber(row.UInt64(2)),
        new VnodeNumber(row.UInt64(3)),
        new Uniquifier(row.UInt32(4)),
        new ClientId(row.UInt64(5), row.UInt64(6)));

    public static VolumeRecord Volume(Statement row) => new(
        new VolumeId(row.UInt32(0)),
        row.Text(1),
        new VnodeNumber(row.UInt64(2)),
        new VolumeVersion(row.UInt64(3)),
        row.UInt64(4),
        row.UInt64(5));

    /// <summary>
    /// A type that there isn't is none: a client would take the whole reply for malformed, and end its connection. Salvage tells of it, and gives a name the type of
    /// its vnode.
    /// </summary>
    private static FileType TypeOf(Statement row, int column) => row.Int64(column) is >= 0 and <= (long)FileType.BlockDevice and var type ? (FileType)type : FileType.None;
}

/// <summary>A prepared statement: values are added in the order of its question marks, then it is run or stepped through.</summary>
internal sealed class Statement(Database database, sqlite3_stmt handle, string sql) : IDisposable
{
    private int _next;

    /// <summary>Ready for a next use.</summary>
    public Statement Start()
    {
        raw.sqlite3_reset(handle);
        _next = 1;
        return this;
    }

    public Statement Add(long value)
    {
        database.Check(raw.sqlite3_bind_int64(handle, _next++, value), sql);
        return this;
    }

    /// <summary>SQLite's integers are signed; the bits are what counts.</summary>
    public Statement Add(ulong value) => Add(unchecked((long)value));

    public Statement Add(byte[]? value)
    {
        int code = value switch
        {
            null => raw.sqlite3_bind_null(handle, _next++),
            { Length: 0 } => raw.sqlite3_bind_zeroblob(handle, _next++, 0),
            _ => raw.sqlite3_bind_blob(handle, _next++, value),
        };
        database.Check(code, sql);
        return this;
    }

    public Statement Add(string value)
    {
        database.Check(raw.sqlite3_bind_text(handle, _next++, value), sql);
        return this;
    }

    /// <summary>True: a row is there.</summary>
    public bool Step()
    {
        int code = raw.sqlite3_step(handle);
        if (code == raw.SQLITE_ROW)
            return true;
        if (code == raw.SQLITE_DONE)
            return false;
        StorageException failure = database.FailureOf(code, sql);
        raw.sqlite3_reset(handle);
        throw failure;
    }

    /// <summary>To the end, for statements without rows.</summary>
    public void Run()
    {
        while (Step())
        {
        }
        Reset();
    }

    /// <summary>Lets go of the row and, in a view, of nothing else.</summary>
    public void Reset() => raw.sqlite3_reset(handle);

    public long Int64(int column) => raw.sqlite3_column_int64(handle, column);

    public ulong UInt64(int column) => unchecked((ulong)raw.sqlite3_column_int64(handle, column));

    public uint UInt32(int column) => unchecked((uint)raw.sqlite3_column_int64(handle, column));

    public string Text(int column) => raw.sqlite3_column_text(handle, column).utf8_to_string();

    /// <summary>A copy.</summary>
    public byte[] Blob(int column) => raw.sqlite3_column_blob(handle, column).ToArray();

    public byte[]? BlobOrNull(int column) =>
        raw.sqlite3_column_type(handle, column) == raw.SQLITE_NULL ? null : Blob(column);

    public void Dispose() => handle.Dispose();
}
