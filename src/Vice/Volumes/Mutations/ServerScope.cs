using Afs.Rpc;
using Afs.Rules;
using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Vice.Volumes.Mutations;

/// <summary>A mutation at work inside the writer's transaction.</summary>
public sealed class ServerScope : MutationScope
{
    private readonly IMetadataTransaction _transaction;
    private readonly TransactionState _state;
    private readonly CallId _call;

    private ServerScope(IMetadataTransaction transaction, TransactionState state, ServerChanges changes, CallId call, CallerNumber caller, DateTimeOffset now)
        : base(state, changes) => (_transaction, _state, _call, Changes, Caller, Now) = (transaction, state, call, changes, caller, now);

    /// <param name="guard">Asked before a vnode is touched; null: the mutation is the server's own.</param>
    /// <param name="call">Whose mutation it is; the default one: the server's own.</param>
    internal static ServerScope Begin(
        IMetadataTransaction transaction, BatchVolumes volumes, IVnodeGuard? guard, CallId call, CallerNumber caller, DateTimeOffset now)
    {
        var changes = new ServerChanges();
        return new ServerScope(transaction, new TransactionState(transaction, volumes, guard, call, changes), changes, call, caller, now);
    }

    /// <summary>A scope for one operation of a batch: it sees what those before it wrote. What it changed is added to this one's, or forgotten, by who began it.</summary>
    public ServerScope BeginOperation(CallerNumber caller)
    {
        var changes = new ServerChanges();
        return new ServerScope(_transaction, _state.With(changes), changes, _call, caller, Now);
    }

    /// <summary>So many vnode numbers, for whoever asked to name objects by. After <see cref="MutationScope.Apply"/>.</summary>
    public VnodeLease Lease(VolumeId volume, int count)
    {
        VnodeLease lease = _state.AllocateBlock(volume, count);
        Transaction.PutVnodeLease(lease);
        return lease;
    }

    public new ServerChanges Changes { get; }

    public ClientId Client => _call.Client;

    public SessionId Session => _call.Session;

    /// <summary>For whom the client asks: what its kernel says, and no proof.</summary>
    public CallerNumber Caller { get; }

    /// <summary>The server's clock.</summary>
    public DateTimeOffset Now { get; }

    public IMetadataView View => _transaction;

    /// <summary>For writes that only the server knows, and only after <see cref="MutationScope.Apply"/>.</summary>
    public IMetadataTransaction Transaction => IsApplied ? _transaction : throw new InvalidOperationException("Write after Apply.");
}

/// <summary>Who may touch a vnode at this moment. Called on the writer's thread; must not wait.</summary>
public interface IVnodeGuard
{
    /// <exception cref="HeldVnodeException">Another session may change it without asking. The mutation has done nothing, and is to be run again.</exception>
    void Enter(SessionId session, Fid fid);
}

/// <summary>A vnode is another session's for now: whoever wants to touch it waits, and begins again.</summary>
/// <param name="free">Ends when it is worth another try.</param>
/// <param name="isAnothers">Another session holds it. False: the server has just started, and doesn't know yet whether anybody does.</param>
public sealed class HeldVnodeException(Task free, bool isAnothers) : Exception("The vnode's write token is another session's.")
{
    public Task Free { get; } = free;

    public bool IsAnothers { get; } = isAnothers;
}

/// <summary>A volume's state as the writer's transaction has it.</summary>
/// <param name="guard">Asked before a vnode is touched; null: the mutation is the server's own.</param>
/// <param name="call">Whose mutation it is; the default one: the server's own.</param>
internal sealed class TransactionState(IMetadataTransaction transaction, BatchVolumes volumes, IVnodeGuard? guard, CallId call, ServerChanges changes) : IVolumeState
{
    private SessionId Session => call.Session;

    /// <summary>The same state, for changes that are collected elsewhere.</summary>
    public TransactionState With(ServerChanges others) => new(transaction, volumes, guard, call, others);

    public bool HasVolume(VolumeId volume) => volumes.Find(volume) is not null;

    public FetchStatus? Find(Fid fid)
    {
        guard?.Enter(Session, fid);
        return transaction.Find(fid, Session);
    }

    public EntryRecord? FindEntry(Fid directory, byte[] name) => transaction.FindEntry(directory.Volume, directory.Vnode, name);

    public bool HasEntries(Fid directory) => transaction.ReadEntries(directory.Volume, directory.Vnode, null, 1).Count > 0;

    public IReadOnlyList<Xattr> ReadXattrs(Fid fid) => transaction.ReadXattrs(fid.Volume, fid.Vnode);

    /// <summary>Nobody can tell one from others: numbers rise, uniquifiers are drawn.</summary>
    public Fid Allocate(VolumeId volume)
    {
        VolumeRecord record = Volume(volume);
        record = record with { LastVnode = new VnodeNumber(record.LastVnode.Value + 1) };
        volumes.Set(record);
        return new Fid(volume, record.LastVnode, volumes.DrawUniquifier());
    }

    /// <summary>For the caller's client. One uniquifier is all of the block's: the client makes fids of it by itself.</summary>
    public VnodeLease AllocateBlock(VolumeId volume, int count)
    {
        VolumeRecord record = Volume(volume);
        var first = new VnodeNumber(record.LastVnode.Value + 1);
        record = record with { LastVnode = new VnodeNumber(record.LastVnode.Value + (ulong)count) };
        volumes.Set(record);
        return new VnodeLease(volume, first, new VnodeNumber(first.Value + (ulong)count), first, volumes.DrawUniquifier(), call.Client);
    }

    public bool MayUse(Fid given) => transaction.FindVnodeLease(given.Volume, given.Vnode) is { } lease && lease.Allows(given, call.Client);

    public void Use(Fid given)
    {
        VnodeLease lease = transaction.FindVnodeLease(given.Volume, given.Vnode) ?? throw new InvalidOperationException($"No block of {given}.");
        lease = lease with { Next = new VnodeNumber(given.Vnode.Value + 1) };
        if (lease.Next == lease.End)
            transaction.DeleteVnodeLease(lease);
        else
            transaction.PutVnodeLease(lease);
    }

    public Exception Dangling(EntryRecord entry) => new StorageException(
        StorageFailure.Corrupt, $"A name in directory {entry.Directory} stands for {entry.Target}, which isn't there. Run vice salvage.");

    public void PutVnode(FetchStatus status) => transaction.PutVnode(status);

    public void DeleteVnode(Fid fid)
    {
        if (transaction.FindContent(fid.Volume, fid.Vnode) is { } content)
            changes.Retired.AddRange(content.Objects);
        transaction.DeleteVnode(fid.Volume, fid.Vnode);
    }

    public void PutEntry(Fid directory, EntryRecord entry) => transaction.PutEntry(directory.Volume, entry);

    public void DeleteEntry(Fid directory, byte[] name) => transaction.DeleteEntry(directory.Volume, directory.Vnode, name);

    public void PutXattr(Fid fid, byte[] name, byte[] value) => transaction.PutXattr(fid.Volume, fid.Vnode, name, value);

    public void DeleteXattr(Fid fid, byte[] name) => transaction.DeleteXattr(fid.Volume, fid.Vnode, name);

    public void PutUnnamed(Fid fid) => transaction.PutUnnamed(fid, Session);

    public void DeleteUnnamed(Fid fid) => transaction.DeleteUnnamed(fid.Volume, fid.Vnode);

    public void Count(VolumeId volume, ulong made, ulong gone)
    {
        VolumeRecord record = Volume(volume);
        volumes.Set(record with { Version = new VolumeVersion(record.Version.Value + 1), Vnodes = record.Vnodes + made - gone });
    }

    private VolumeRecord Volume(VolumeId volume) => volumes.Find(volume) ?? throw new InvalidOperationException($"No volume {volume}.");
}

/// <summary>What a mutation at the server changed: as any, and what follows from it here.</summary>
public sealed class ServerChanges : ChangeSet
{
    /// <summary>Contents that a row doesn't name any more.</summary>
    public List<ObjectId> Retired { get; } = [];

    public List<UnseenReplacement> Unseen { get; } = [];

    /// <summary>Contents that differ from the version before them in known extents only.</summary>
    public List<(Fid Fid, ContentChange Change)> ContentChanges { get; } = [];

    /// <summary>Uploads that become files' contents with the commit.</summary>
    public List<StagedUpload> TakenUploads { get; } = [];

    /// <summary>Of what a batch made: write tokens that its session has from here on.</summary>
    public List<Fid> Tokens { get; } = [];

    /// <summary>What one operation of a batch changed is the batch's.</summary>
    public void Add(ServerChanges operation)
    {
        Vnodes.AddRange(operation.Vnodes);
        Names.AddRange(operation.Names);
        Promised.AddRange(operation.Promised);
        Retired.AddRange(operation.Retired);
        Unseen.AddRange(operation.Unseen);
        ContentChanges.AddRange(operation.ContentChanges);
        TakenUploads.AddRange(operation.TakenUploads);
    }

    /// <summary>Each vnode once, so that its holders are told once.</summary>
    public void JoinVnodes()
    {
        List<VnodeChange> joined = [.. Vnodes.GroupBy(static change => change.Fid).Select(static changes => new VnodeChange(changes.Key, NamesOf([.. changes])))];
        Vnodes.Clear();
        Vnodes.AddRange(joined);
        List<Fid> promised = [.. Promised.Distinct()];
        Promised.Clear();
        Promised.AddRange(promised);
    }

    /// <summary>Null: any may have changed, or they are too many to tell.</summary>
    private static List<byte[]>? NamesOf(IReadOnlyList<VnodeChange> changes) =>
        changes.All(static change => change.Names is not null) && changes.Sum(static change => change.Names!.Count) <= Limits.NamesPerBreak
            ? [.. changes.SelectMany(static change => change.Names!)]
            : null;
}

/// <summary>
/// The volume rows as one transaction changes them: read once, written once, however many mutations it carries. As the transaction, it has savepoints.
/// </summary>
/// <param name="random">Where it has to be secret, of the system's cryptographic source.</param>
internal sealed class BatchVolumes(IMetadataTransaction transaction, Random random)
{
    private readonly Dictionary<VolumeId, (VolumeRecord Volume, bool IsChanged)> _volumes = [];
    private readonly List<(VolumeRecord Volume, bool IsChanged)> _before = [];

    public VolumeRecord? Find(VolumeId id)
    {
        if (_volumes.TryGetValue(id, out (VolumeRecord Volume, bool IsChanged) known))
            return known.Volume;
        VolumeRecord? volume = transaction.FindVolume(id);
        if (volume is not null)
            _volumes.Add(id, (volume, false));
        return volume;
    }

    /// <summary>Of a volume that was found.</summary>
    public void Set(VolumeRecord volume)
    {
        _before.Add(_volumes[volume.Id]);
        _volumes[volume.Id] = (volume, true);
    }

    /// <summary>For a new vnode. Never zero, so that no fid is the default one.</summary>
    public Uniquifier DrawUniquifier() => new((uint)random.NextInt64(1, 1L + uint.MaxValue));

    public void SetSavepoint() => _before.Clear();

    /// <summary>As it was at the last savepoint.</summary>
    public void RollBackToSavepoint()
    {
        for (int i = _before.Count - 1; i >= 0; i--)
            _volumes[_before[i].Volume.Id] = _before[i];
        _before.Clear();
    }

    public void Write()
    {
        foreach ((VolumeRecord volume, bool isChanged) in _volumes.Values)
        {
            if (isChanged)
                transaction.PutVolume(volume);
        }
    }
}

/// <summary>A store won over a version that its writer had not seen.</summary>
/// <param name="Base">What the winner's changes started from.</param>
/// <param name="Replaced">What was current.</param>
public sealed record UnseenReplacement(Fid Fid, DataVersion Base, DataVersion Replaced, ClientId Winner, ClientId Loser);
