using System.Text;
using Afs.Rpc;
using Afs.Rules;
using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Simulation;

/// <summary>
/// Passes everything on, and sorts the writes by the mutation that made them: its reply comes last. A batch is as many mutations as operations of it ran: each reads all its vnodes before it
/// writes, so the first look at a vnode after a write is the next one's.
/// </summary>
internal sealed class ObservedTransaction(IMetadataTransaction transaction, SimHost host, ServerHistory history) : IMetadataTransaction
{
    private readonly List<Mutation> _mutations = [];
    private List<FetchStatus> _statuses = [];
    private List<VnodeNumber> _deleted = [];
    private List<NameWrite> _names = [];
    private List<XattrWrite> _xattrs = [];
    private List<Mark> _ends = [];
    private BatchNumber _batch;
    private (int Mutations, List<FetchStatus> Statuses, List<VnodeNumber> Deleted, List<NameWrite> Names, List<XattrWrite> Xattrs, List<Mark> Ends) _savepoint;

    private Mark Written => new(_statuses.Count, _deleted.Count, _names.Count, _xattrs.Count);

    public void Commit()
    {
        host.Step();
        transaction.Commit();
        foreach (Mutation batch in _mutations.Where(static mutation => mutation.Batch != default && mutation.Place == 0))
            host.Tell($"commits batch {batch.Batch.Value} of client {batch.Client}: {_mutations.Count(other => other.Client == batch.Client && other.Batch == batch.Batch)} operations ran, {batch.Refused} are refused");
        history.Committed(_mutations);
        host.Step();
    }

    public void PutVnode(FetchStatus status)
    {
        transaction.PutVnode(status);
        _statuses.Add(status);
    }

    public void DeleteVnode(VolumeId volume, VnodeNumber vnode)
    {
        transaction.DeleteVnode(volume, vnode);
        _deleted.Add(vnode);
    }

    public void PutEntry(VolumeId volume, EntryRecord entry)
    {
        transaction.PutEntry(volume, entry);
        _names.Add(new NameWrite(entry.Directory.Value, Encoding.UTF8.GetString(entry.Name), entry.Target.Vnode.Value));
    }

    public void DeleteEntry(VolumeId volume, VnodeNumber directory, byte[] name)
    {
        transaction.DeleteEntry(volume, directory, name);
        _names.Add(new NameWrite(directory.Value, Encoding.UTF8.GetString(name), 0));
    }

    public void PutReply(SessionId session, CallSequence sequence, StoredReply reply)
    {
        transaction.PutReply(session, sequence, reply);
        ClientId client = transaction.FindSession(session)!.Client;
        if (_batch == default)
            _mutations.Add(new Mutation(session, client, sequence, reply.Abort) { Statuses = _statuses, Deleted = _deleted, Names = _names, Xattrs = _xattrs });
        else
        {
            IReadOnlyList<RefusedOperation> refused = WireCodec.FromBytes<ApplyBatchReply>(reply.Body).Refused;
            AddBatch(new Mutation(session, client, sequence, reply.Abort) { Batch = _batch, Refused = refused.Count, LackedRoom = refused.Any(static one => one.Abort == AbortCodes.NoSpace) });
            if (refused.Count > 0)
                host.Tell($"refuses of batch {_batch.Value} of client {client}: {string.Join(", ", refused.Select(static one => $"{one.Index} {one.Abort}"))}");
        }
        (_statuses, _deleted, _names, _xattrs, _ends, _batch) = ([], [], [], [], [], default);
    }

    private void AddBatch(Mutation batch)
    {
        EndOperation();
        if (_ends.Count == 0)
            _mutations.Add(batch);
        Mark from = default;
        for (int place = 0; place < _ends.Count; place++)
        {
            Mark to = _ends[place];
            _mutations.Add(batch with
            {
                Place = place,
                Refused = place == 0 ? batch.Refused : 0,
                Statuses = _statuses[from.Statuses..to.Statuses],
                Deleted = _deleted[from.Deleted..to.Deleted],
                Names = _names[from.Names..to.Names],
                Xattrs = _xattrs[from.Xattrs..to.Xattrs],
            });
            from = to;
        }
    }

    /// <summary>What was written since the last end is one operation's.</summary>
    private void EndOperation()
    {
        if (Written != (_ends.Count == 0 ? default : _ends[^1]))
            _ends.Add(Written);
    }

    public void PutServer(ServerRecord server) => transaction.PutServer(server);

    public void PutVolume(VolumeRecord volume) => transaction.PutVolume(volume);

    public void PutXattr(VolumeId volume, VnodeNumber vnode, byte[] name, byte[] value)
    {
        transaction.PutXattr(volume, vnode, name, value);
        _xattrs.Add(new XattrWrite(vnode.Value, Convert.ToHexString(name), Convert.ToHexString(value)));
    }

    public void DeleteXattr(VolumeId volume, VnodeNumber vnode, byte[] name)
    {
        transaction.DeleteXattr(volume, vnode, name);
        _xattrs.Add(new XattrWrite(vnode.Value, Convert.ToHexString(name), null));
    }

    public void PutContent(VolumeId volume, VnodeNumber vnode, ContentRecord content) => transaction.PutContent(volume, vnode, content);

    public void DeleteContent(VolumeId volume, VnodeNumber vnode) => transaction.DeleteContent(volume, vnode);

    public void PutKeptVersion(KeptVersion kept) => transaction.PutKeptVersion(kept);

    public void DeleteKeptVersion(Fid fid, DataVersion version) => transaction.DeleteKeptVersion(fid, version);

    public void PutUnnamed(Fid fid, SessionId session) => transaction.PutUnnamed(fid, session);

    public void DeleteUnnamed(VolumeId volume, VnodeNumber vnode) => transaction.DeleteUnnamed(volume, vnode);

    public void PutSession(SessionRecord session) => transaction.PutSession(session);

    public void DeleteSession(SessionId session) => transaction.DeleteSession(session);

    public void DeleteReplies(SessionId session, CallSequence through) => transaction.DeleteReplies(session, through);

    public void SetSavepoint()
    {
        transaction.SetSavepoint();
        _savepoint = (_mutations.Count, [.. _statuses], [.. _deleted], [.. _names], [.. _xattrs], [.. _ends]);
    }

    public void ReleaseSavepoint() => transaction.ReleaseSavepoint();

    public void RollBackToSavepoint()
    {
        transaction.RollBackToSavepoint();
        _mutations.RemoveRange(_savepoint.Mutations, _mutations.Count - _savepoint.Mutations);
        (_, _statuses, _deleted, _names, _xattrs, _ends) = _savepoint;
        _batch = default;
    }

    public ServerRecord ReadServer() => transaction.ReadServer();

    public IReadOnlyList<VolumeRecord> ReadVolumes() => transaction.ReadVolumes();

    public VolumeRecord? FindVolume(VolumeId volume) => transaction.FindVolume(volume);

    public FetchStatus? FindVnode(VolumeId volume, VnodeNumber vnode)
    {
        EndOperation();
        return transaction.FindVnode(volume, vnode);
    }

    public IReadOnlyList<FetchStatus> ReadVnodes(VolumeId volume, VnodeNumber after, int most) => transaction.ReadVnodes(volume, after, most);

    public EntryRecord? FindEntry(VolumeId volume, VnodeNumber directory, byte[] name) => transaction.FindEntry(volume, directory, name);

    public IReadOnlyList<EntryRecord> ReadEntries(VolumeId volume, VnodeNumber directory, byte[]? after, int most) =>
        transaction.ReadEntries(volume, directory, after, most);

    public IReadOnlyList<EntryRecord> ReadAllEntries(VolumeId volume, VnodeNumber directory, byte[] after, int most) =>
        transaction.ReadAllEntries(volume, directory, after, most);

    public IReadOnlyList<Xattr> ReadXattrs(VolumeId volume, VnodeNumber vnode) => transaction.ReadXattrs(volume, vnode);

    public ContentRecord? FindContent(VolumeId volume, VnodeNumber vnode) => transaction.FindContent(volume, vnode);

    public IReadOnlyList<(VnodeNumber Vnode, ContentRecord Content)> ReadContents(VolumeId volume, VnodeNumber after, int most) =>
        transaction.ReadContents(volume, after, most);

    public IReadOnlyList<ObjectId> ReadObjects() => transaction.ReadObjects();

    public bool IsNamed(ObjectId id) => transaction.IsNamed(id);

    public IReadOnlyList<KeptVersion> ReadKeptVersions() => transaction.ReadKeptVersions();

    public IReadOnlyList<(Fid Fid, SessionId Session)> ReadUnnamed() => transaction.ReadUnnamed();

    public SessionId? FindUnnamed(VolumeId volume, VnodeNumber vnode) => transaction.FindUnnamed(volume, vnode);

    public IReadOnlyList<SessionRecord> ReadSessions() => transaction.ReadSessions();

    public SessionRecord? FindSession(SessionId session) => transaction.FindSession(session);

    public StoredReply? FindReply(SessionId session, CallSequence sequence) => transaction.FindReply(session, sequence);

    public IReadOnlyList<VnodeLease> ReadVnodeLeases() => transaction.ReadVnodeLeases();

    public IReadOnlyList<VnodeLease> ReadVnodeLeases(VolumeId volume, ClientId client) => transaction.ReadVnodeLeases(volume, client);

    public VnodeLease? FindVnodeLease(VolumeId volume, VnodeNumber vnode) => transaction.FindVnodeLease(volume, vnode);

    public LastBatch FindLastBatch(VolumeId volume, ClientId client) => transaction.FindLastBatch(volume, client);

    public void PutVnodeLease(VnodeLease lease) => transaction.PutVnodeLease(lease);

    public void DeleteVnodeLease(VnodeLease lease) => transaction.DeleteVnodeLease(lease);

    public void PutLastBatch(VolumeId volume, ClientId client, LastBatch batch)
    {
        transaction.PutLastBatch(volume, client, batch);
        _batch = batch.Number;
    }

    public void Dispose() => transaction.Dispose();

    /// <summary>How far the lists go.</summary>
    private readonly record struct Mark(int Statuses, int Deleted, int Names, int Xattrs);
}
