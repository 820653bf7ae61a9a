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

    private ServerScope(IMetadataTransaction transaction, TransactionState state, ServerChanges changes, CallId call, CallerNumber caller, DateTimeOffset now)
        : base(state, changes) => (_transaction, Changes, Client, Caller, Now) = (transaction, changes, call.Client, caller, now);

    /// <param name="call">Whose mutation it is; the default one: the server's own.</param>
    internal static ServerScope Begin(IMetadataTransaction transaction, BatchVolumes volumes, CallId call, CallerNumber caller, DateTimeOffset now)
    {
        var changes = new ServerChanges();
        return new ServerScope(transaction, new TransactionState(transaction, volumes, call.Session, changes), changes, call, caller, now);
    }

    public new ServerChanges Changes { get; }

    public ClientId Client { get; }

    /// <summary>For whom the client asks: what its kernel says, and no proof.</summary>
    public CallerNumber Caller { get; }

    /// <summary>The server's clock.</summary>
    public DateTimeOffset Now { get; }

    public IMetadataView View => _transaction;

    /// <summary>For writes that only the server knows, and only after <see cref="MutationScope.Apply"/>.</summary>
    public IMetadataTransaction Transaction => IsApplied ? _transaction : throw new InvalidOperationException("Write after Apply.");
}

/// <summary>A volume's state as the writer's transaction has it.</summary>
/// <param name="session">Whose mutation it is; the default one: the server's own.</param>
internal sealed class TransactionState(IMetadataTransaction transaction, BatchVolumes volumes, SessionId session, ServerChanges changes) : IVolumeState
{
    public bool HasVolume(VolumeId volume) => volumes.Find(volume) is not null;

    public FetchStatus? Find(Fid fid) => transaction.Find(fid, session);

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

    public void PutUnnamed(Fid fid) => transaction.PutUnnamed(fid, session);

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

    public UnseenReplacement? Unseen { get; set; }

    /// <summary>A content that differs from the version before it in known extents only.</summary>
    public (Fid Fid, ContentChange Change)? ContentChange { get; set; }

    /// <summary>An upload that becomes a file's content with the commit.</summary>
    public StagedUpload? TakenUpload { get; set; }
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
