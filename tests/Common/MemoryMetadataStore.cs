using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using Afs.Rpc;
using Afs.Rules;
using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Tests.Common;

/// <summary>
/// Metadata in memory, for tests and simulation. A crash is disposing of everything but this store: what wasn't committed is gone,
/// what was is there.
/// </summary>
public sealed class MemoryMetadataStore : IMetadataStore
{
    private volatile MemoryState _committed = MemoryState.Empty;
    private IMetadataTransaction? _open;

    /// <summary>Called before each commit takes effect; a test throws <see cref="StorageException"/> from it to make commits fail.</summary>
    public Action? BeforeCommit { get; set; }

    public IMetadataView OpenView() => new MemoryView(_committed);

    public IMetadataTransaction BeginTransaction()
    {
        if (_open is not null)
            throw new InvalidOperationException("A transaction is open.");
        var transaction = new MemoryTransaction(this, _committed);
        _open = transaction;
        return transaction;
    }

    public void Maintain()
    {
    }

    public void Dispose()
    {
    }

    internal void Commit(MemoryState state)
    {
        BeforeCommit?.Invoke();
        _committed = state;
    }

    internal void End(IMetadataTransaction transaction)
    {
        if (ReferenceEquals(_open, transaction))
            _open = null;
    }
}

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

    public bool IsNamed(ObjectId id) => ReadObjects().Contains(id);

    public IReadOnlyList<KeptVersion> ReadKeptVersions() => [.. State.Kept.Values];

    public IReadOnlyList<(Fid Fid, SessionId Session)> ReadUnnamed() => [.. State.Unnamed.Values];

    public SessionId? FindUnnamed(VolumeId volume, VnodeNumber vnode) =>
        State.Unnamed.TryGet(new(volume, vnode), out (Fid Fid, SessionId Session) unnamed) ? unnamed.Session : null;

    public IReadOnlyList<SessionRecord> ReadSessions() => [.. State.Sessions.Values];

    public SessionRecord? FindSession(SessionId session) => State.Sessions.Find(session.Value);

    public StoredReply? FindReply(SessionId session, CallSequence sequence) =>
        State.Replies.TryGet(new(session, sequence), out StoredReply reply) ? reply : null;

    public IReadOnlyList<VnodeLease> ReadVnodeLeases() => [.. State.Leases.Values];

    public IReadOnlyList<VnodeLease> ReadVnodeLeases(VolumeId volume, ClientId client) =>
        [.. State.Leases.Values.Where(lease => lease.Volume == volume && lease.Client == client)];

    public VnodeLease? FindVnodeLease(VolumeId volume, VnodeNumber vnode) => State.Leases.Values
        .FirstOrDefault(lease => lease.Volume == volume && lease.First.Value <= vnode.Value && vnode.Value < lease.End.Value);

    public LastBatch FindLastBatch(VolumeId volume, ClientId client) => State.Batches.GetValueOrDefault((volume, client));

    public virtual void Dispose()
    {
    }
}

/// <summary>Writes are states of its own, until the commit hands the last to the store.</summary>
internal sealed class MemoryTransaction(MemoryMetadataStore store, MemoryState state) : MemoryView(state), IMetadataTransaction
{
    private MemoryState? _savepoint;

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

    public void PutVnodeLease(VnodeLease lease) => State = State with { Leases = State.Leases.Set(new(lease.Volume, lease.First), lease) };

    public void DeleteVnodeLease(VnodeLease lease) => State = State with { Leases = State.Leases.Remove(new(lease.Volume, lease.First)) };

    public void PutLastBatch(VolumeId volume, ClientId client, LastBatch batch) =>
        State = State with { Batches = State.Batches.SetItem((volume, client), batch with { Answer = batch.Answer.ToArray() }) };

    public void SetSavepoint() => _savepoint = State;

    public void ReleaseSavepoint() => _savepoint = null;

    public void RollBackToSavepoint() => (State, _savepoint) = (_savepoint ?? throw new InvalidOperationException("No savepoint."), null);

    public void Commit() => store.Commit(State);

    public override void Dispose() => store.End(this);
}

/// <summary>One committed state, immutable, so that a view is a reference and a commit is one assignment.</summary>
internal sealed record MemoryState
{
    public static readonly MemoryState Empty = new();

    public ServerRecord Server { get; init; } = new(new Epoch(0), new SessionId(0));
    public SortedMap<uint, VolumeRecord> Volumes { get; init; } = SortedMap<uint, VolumeRecord>.Empty;
    public SortedMap<VnodeKey, FetchStatus> Vnodes { get; init; } = SortedMap<VnodeKey, FetchStatus>.Empty;
    public SortedMap<NameKey, EntryRecord> Entries { get; init; } = SortedMap<NameKey, EntryRecord>.Empty;
    public SortedMap<NameKey, byte[]> Xattrs { get; init; } = SortedMap<NameKey, byte[]>.Empty;
    public SortedMap<VnodeKey, ContentRecord> Contents { get; init; } = SortedMap<VnodeKey, ContentRecord>.Empty;
    public SortedMap<KeptKey, KeptVersion> Kept { get; init; } = SortedMap<KeptKey, KeptVersion>.Empty;
    public SortedMap<VnodeKey, (Fid Fid, SessionId Session)> Unnamed { get; init; } = SortedMap<VnodeKey, (Fid, SessionId)>.Empty;
    public SortedMap<ulong, SessionRecord> Sessions { get; init; } = SortedMap<ulong, SessionRecord>.Empty;
    public SortedMap<ReplyKey, StoredReply> Replies { get; init; } = SortedMap<ReplyKey, StoredReply>.Empty;
    public SortedMap<VnodeKey, VnodeLease> Leases { get; init; } = SortedMap<VnodeKey, VnodeLease>.Empty;
    public ImmutableDictionary<(VolumeId, ClientId), LastBatch> Batches { get; init; } = ImmutableDictionary<(VolumeId, ClientId), LastBatch>.Empty;
}

/// <summary>Orders vnodes.</summary>
internal readonly record struct VnodeKey(VolumeId Volume, VnodeNumber Vnode) : IComparable<VnodeKey>
{
    public int CompareTo(VnodeKey other)
    {
        int order = Volume.Value.CompareTo(other.Volume.Value);
        return order != 0 ? order : Vnode.Value.CompareTo(other.Vnode.Value);
    }
}

/// <summary>Orders the names of vnodes, as bytes.</summary>
internal readonly record struct NameKey(VnodeKey Vnode, byte[] Name) : IComparable<NameKey>
{
    public int CompareTo(NameKey other)
    {
        int order = Vnode.CompareTo(other.Vnode);
        return order != 0 ? order : Name.AsSpan().SequenceCompareTo(other.Name);
    }
}

/// <summary>Orders replies.</summary>
internal readonly record struct ReplyKey(SessionId Session, CallSequence Sequence) : IComparable<ReplyKey>
{
    public int CompareTo(ReplyKey other)
    {
        int order = Session.Value.CompareTo(other.Session.Value);
        return order != 0 ? order : Sequence.Value.CompareTo(other.Sequence.Value);
    }
}

/// <summary>Orders kept versions.</summary>
internal readonly record struct KeptKey(Fid Fid, DataVersion Version) : IComparable<KeptKey>
{
    public int CompareTo(KeptKey other)
    {
        int order = new VnodeKey(Fid.Volume, Fid.Vnode).CompareTo(new VnodeKey(other.Fid.Volume, other.Fid.Vnode));
        return order != 0 ? order : Version.Value.CompareTo(other.Version.Value);
    }
}

/// <summary>An immutable map in key order that can be read from any key on; the framework's sorted dictionary can't.</summary>
internal sealed class SortedMap<TKey, TValue>
    where TKey : IComparable<TKey>
{
    public static readonly SortedMap<TKey, TValue> Empty = new(ImmutableSortedSet.Create<Item>(ByKey.Instance));

    private readonly ImmutableSortedSet<Item> _items;

    private SortedMap(ImmutableSortedSet<Item> items) => _items = items;

    public bool TryGet(TKey key, [MaybeNullWhen(false)] out TValue value)
    {
        bool found = _items.TryGetValue(new Item(key, default!), out Item item);
        value = item.Value;
        return found;
    }

    public TValue? Find(TKey key) => TryGet(key, out TValue? value) ? value : default;

    public SortedMap<TKey, TValue> Set(TKey key, TValue value)
    {
        var item = new Item(key, value);
        return new(_items.Remove(item).Add(item));
    }

    public SortedMap<TKey, TValue> Remove(TKey key) => new(_items.Remove(new Item(key, default!)));

    /// <summary>From <paramref name="key"/> on, in order; without itself if <paramref name="behind"/>.</summary>
    public IEnumerable<(TKey Key, TValue Value)> From(TKey key, bool behind)
    {
        int index = _items.IndexOf(new Item(key, default!));
        index = index < 0 ? ~index : behind ? index + 1 : index;
        for (; index < _items.Count; index++)
            yield return (_items[index].Key, _items[index].Value);
    }

    public IEnumerable<TValue> Values => _items.Select(item => item.Value);

    private readonly record struct Item(TKey Key, TValue Value);

    private sealed class ByKey : IComparer<Item>
    {
        public static readonly ByKey Instance = new();

        public int Compare(Item x, Item y) => x.Key.CompareTo(y.Key);
    }
}
