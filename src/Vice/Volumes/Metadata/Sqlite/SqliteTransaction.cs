using Afs.Rpc;
using Afs.Wire;

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
        .Add(status.DeviceNumber).Add(status.ContentCrc32C).Add(status.SymlinkTarget).Add(status.HasXattrs ? 1 : 0).Run();

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
        .Prepare($"INSERT OR REPLACE INTO sessions ({SqliteRows.SessionColumns}) VALUES (?, ?, ?, ?, ?)")
        .Add(session.Id.Value).Add(session.Client.High).Add(session.Client.Low)
        .Add(session.ForgottenThrough.Value).Add(session.HasLapsed ? 1 : 0).Run();

    public void DeleteSession(SessionId session)
    {
        Database.Prepare("DELETE FROM replies WHERE session = ?").Add(session.Value).Run();
        Database.Prepare("DELETE FROM sessions WHERE session = ?").Add(session.Value).Run();
    }

    public void PutReply(SessionId session, CallSequence sequence, StoredReply reply) => Database
        .Prepare("INSERT OR REPLACE INTO replies (session, sequence, abort, body) VALUES (?, ?, ?, ?)")
        .Add(session.Value).Add(sequence.Value).Add(reply.Abort.Value).Add(reply.Body.ToArray()).Run();

    public void DeleteReplies(SessionId session, CallSequence through) => Database
        .Prepare("DELETE FROM replies WHERE session = ? AND sequence <= ?").Add(session.Value).Add(through.Value).Run();

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
