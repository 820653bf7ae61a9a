using System.Diagnostics;
using Afs.Rules;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>Why a change can't be decided here and now.</summary>
internal enum MissingHere : byte
{
    /// <summary>The write token of <see cref="MissingHereException.Fid"/>.</summary>
    Token,

    /// <summary>A number for a new vnode.</summary>
    Number,

    /// <summary>Something that only the server knows.</summary>
    Knowledge,
}

/// <summary>The rules came to something that isn't known here. Thrown before anything is changed.</summary>
internal sealed class MissingHereException(MissingHere missing, Fid fid) : Exception($"{missing} of {fid}")
{
    public MissingHere Missing => missing;

    public Fid Fid => fid;
}

/// <summary>What the caches know of names and xattrs, each of a version that is given.</summary>
internal interface ILocalNames
{
    /// <summary>Unknown: the directory isn't cached at this version.</summary>
    LookupAnswer TryLookup(FetchStatus directory, byte[] name, out Fid child, out FileType type);

    /// <summary>Null: it isn't known.</summary>
    bool? HasEntries(FetchStatus directory);

    /// <summary>Null: they aren't known.</summary>
    IReadOnlyList<Xattr>? Xattrs(FetchStatus vnode);
}

/// <summary>
/// The vnodes of a volume that this client may change first: those whose write token it holds, and those that it made itself, each as its last change left it. The rules of the volume run on
/// this as they run at the server on its transaction, and come to the same versions. What a change writes is kept apart until it is in the log (<see cref="Publish"/>), or dropped.
///
/// INVARIANT: a vnode in here is nobody else's: its status is the server's once all that is logged is there.
/// Names are in the directory cache, which a change's reply brings in step before the kernel asks for the next change of that directory.
/// Not safe for concurrent use: <see cref="WriteBehind"/> owns it, under its lock.
/// </summary>
internal sealed class LocalVolume(VolumeId volume, ILocalNames names) : IVolumeState
{
    private readonly Dictionary<Fid, LocalVnode> _held = [];
    private readonly List<(Fid Fid, FetchStatus? Status)> _written = [];
    private VnodeBlock _block, _nextBlock;

    public int Count => _held.Count;

    public IEnumerable<Fid> Held => _held.Keys;

    public bool Holds(Fid fid) => _held.ContainsKey(fid);

    /// <summary>The last change of it that was logged here.</summary>
    public ChangeNumber LastChangeOf(Fid fid) => _held.TryGetValue(fid, out LocalVnode vnode) ? vnode.LastChange : ChangeNumber.None;

    /// <summary>Numbers are left for so many new vnodes.</summary>
    public int NumbersLeft => _block.Left + _nextBlock.Left;

    public void AddBlock(VnodeNumber first, int count, Uniquifier uniquifier)
    {
        var block = new VnodeBlock { Next = first.Value, Left = count, Uniquifier = uniquifier };
        if (_block.Left == 0)
            _block = block;
        else
            _nextBlock = block;
    }

    /// <summary>The token came, with the vnode as it is at the server.</summary>
    public void Acquired(FetchStatus status) => _held.TryAdd(status.Fid, new LocalVnode(status, ChangeNumber.None));

    /// <summary>The server changed it on this client's demand; of one that isn't held nothing is kept. Replies come in any order: one that says less than is known is passed over.</summary>
    public void ChangedAtServer(FetchStatus status)
    {
        if (_held.TryGetValue(status.Fid, out LocalVnode vnode) && vnode.Status is { } known && known.StatusVersion.Value < status.StatusVersion.Value)
            _held[status.Fid] = vnode with { Status = status };
    }

    /// <summary>It went, at the server. Its token is returned with the others.</summary>
    public void RemovedAtServer(Fid fid)
    {
        if (_held.TryGetValue(fid, out LocalVnode vnode))
            _held[fid] = vnode with { Status = null };
    }

    /// <summary>Nothing is held any more.</summary>
    public void Clear() => _held.Clear();

    /// <summary>What the rules wrote is so from here on.</summary>
    public void Publish(ChangeNumber change)
    {
        foreach ((Fid fid, FetchStatus? status) in _written)
            _held[fid] = new LocalVnode(status, change);
        _written.Clear();
    }

    /// <summary>What the rules wrote is nothing.</summary>
    public void Drop() => _written.Clear();

    bool IVolumeState.HasVolume(VolumeId id) => id == volume;

    /// <exception cref="MissingHereException">Its token isn't held.</exception>
    FetchStatus? IVolumeState.Find(Fid fid)
    {
        if (_held.TryGetValue(fid, out LocalVnode vnode))
            return vnode.Status;
        throw new MissingHereException(MissingHere.Token, fid);
    }

    EntryRecord? IVolumeState.FindEntry(Fid directory, byte[] name) => names.TryLookup(StatusOf(directory), name, out Fid child, out FileType type) switch
    {
        LookupAnswer.Found => new EntryRecord(directory.Vnode, name, child, type),
        LookupAnswer.Absent => null,
        _ => throw new MissingHereException(MissingHere.Knowledge, directory),
    };

    bool IVolumeState.HasEntries(Fid directory) => names.HasEntries(StatusOf(directory)) ?? throw new MissingHereException(MissingHere.Knowledge, directory);

    IReadOnlyList<Xattr> IVolumeState.ReadXattrs(Fid fid)
    {
        FetchStatus status = StatusOf(fid);
        return !status.HasXattrs ? [] : names.Xattrs(status) ?? throw new MissingHereException(MissingHere.Knowledge, fid);
    }

    Fid IVolumeState.Allocate(VolumeId id)
    {
        if (_block.Left == 0)
            (_block, _nextBlock) = (_nextBlock, default);
        if (_block.Left == 0)
            throw new MissingHereException(MissingHere.Number, default);
        var fid = new Fid(volume, new VnodeNumber(_block.Next), _block.Uniquifier);
        _block = _block with { Next = _block.Next + 1, Left = _block.Left - 1 };
        return fid;
    }

    /// <summary>Here the number is drawn by the rules, and given to the server.</summary>
    bool IVolumeState.MayUse(Fid given) => false;

    void IVolumeState.Use(Fid given) => throw new UnreachableException("A fid that nobody gave.");

    Exception IVolumeState.Dangling(EntryRecord entry) => new MissingHereException(MissingHere.Knowledge, entry.Target);

    void IVolumeState.PutVnode(FetchStatus status) => _written.Add((status.Fid, status));

    void IVolumeState.DeleteVnode(Fid fid) => _written.Add((fid, null));

    // The caches take these from the reply.
    void IVolumeState.PutEntry(Fid directory, EntryRecord entry)
    {
    }

    void IVolumeState.DeleteEntry(Fid directory, byte[] name)
    {
    }

    void IVolumeState.PutXattr(Fid fid, byte[] name, byte[] value)
    {
    }

    void IVolumeState.DeleteXattr(Fid fid, byte[] name)
    {
    }

    void IVolumeState.PutUnnamed(Fid fid) => throw new UnreachableException("What has no name is made at the server.");

    void IVolumeState.DeleteUnnamed(Fid fid) => throw new UnreachableException("What has no name is linked at the server.");

    void IVolumeState.Count(VolumeId id, ulong made, ulong gone)
    {
    }

    private FetchStatus StatusOf(Fid fid) =>
        _held.TryGetValue(fid, out LocalVnode vnode) && vnode.Status is { } status ? status : throw new MissingHereException(MissingHere.Token, fid);

    /// <param name="Status">Null: this client removed it.</param>
    private readonly record struct LocalVnode(FetchStatus? Status, ChangeNumber LastChange);

    private record struct VnodeBlock
    {
        public ulong Next { get; set; }

        public int Left { get; set; }

        public Uniquifier Uniquifier { get; set; }
    }
}

/// <summary>A new content of a file, as the status tells of it. The content itself goes with the change.</summary>
internal static class StoreLocally
{
    public static Rpc.Outcome<StoreDataReply> Run(MutationScope scope, StoreDataRequest request)
    {
        if (scope.Find(request.Fid) is not { } status)
            return scope.Missing(request.Fid);
        if (status.Type == FileType.Directory)
            return AbortCodes.IsADirectory;
        if (status.Type != FileType.Regular)
            return AbortCodes.BadArgument;
        if (request.Base != status.DataVersion)
            throw new MissingHereException(MissingHere.Knowledge, request.Fid); // Which version this replaces, and who keeps that, is the server's to say.
        scope.Change(StoredStatus.Of(status, request), isDataChanged: true);
        scope.Apply();
        return new StoreDataReply { Status = scope.Promise(request.Fid), ReplacedUnseen = false };
    }
}
