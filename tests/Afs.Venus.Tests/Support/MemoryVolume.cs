using System.Text;
using Afs.Rpc;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>
/// A small but true file server in memory: one volume, real versions, real promises. A mutation breaks those of the other clients and waits for their
/// acknowledgement before it returns. One turn at a time changes the volume; breaks go out after it.
/// </summary>
internal sealed class MemoryVolume
{
    /// <summary>What statfs says is free.</summary>
    public long FreeBytes { get; set; } = 500;

    public static readonly VolumeId Id = new(7);
    public static readonly Fid Root = new(Id, VnodeNumber.Root, new(1));

    private readonly Lock _lock = new();
    private readonly Dictionary<Fid, MemoryVnode> _vnodes = [];
    private readonly Dictionary<Fid, HashSet<MemoryVice>> _promises = [];
    private readonly Dictionary<UploadId, byte[]> _uploads = [];
    private ulong _lastVnode = 1;

    private readonly VolumeId _id;

    /// <param name="id">Null: the only one of a test.</param>
    public MemoryVolume(VolumeId? id = null)
    {
        _id = id ?? Id;
        _vnodes[Top] = new MemoryVnode(New(Top, FileType.Directory, 0x1ed, Top));
    }

    /// <summary>Its root: <see cref="Root"/> in a volume of this id.</summary>
    public Fid Top => Root with { Volume = _id };

    public ulong Epoch { get; set; } = 1;

    public ulong Version { get; private set; } = 1;

    public ulong Incarnation { get; init; } = 1;

    public int Unseen { get; private set; }

    public AbortCode StoreRefusal { get; set; }

    public T Read<T>(Func<MemoryVolume, T> read)
    {
        lock (_lock)
            return read(this);
    }

    public void Forget(MemoryVice client)
    {
        lock (_lock)
        {
            foreach (HashSet<MemoryVice> holders in _promises.Values)
                holders.Remove(client);
        }
    }

    public bool IsPromised(Fid fid, MemoryVice client) => Read(v => v._promises.TryGetValue(fid, out HashSet<MemoryVice>? holders) && holders.Contains(client));

    public byte[] ContentOf(Fid fid) => Read(v => v._vnodes[fid].Content);

    public FetchStatus? StatusOf(Fid fid) => Read(v => v._vnodes.GetValueOrDefault(fid)?.Status);

    public IReadOnlyList<string> NamesOf(Fid fid) => Read(v => v._vnodes[fid].Names.Keys.ToArray());

    // Called under the lock, by Read and Mutate.

    public MemoryVnode? Find(Fid fid) => _vnodes.GetValueOrDefault(fid);

    public void Promise(Fid fid, MemoryVice client)
    {
        if (!client.IsWithoutPromises)
            (_promises.TryGetValue(fid, out HashSet<MemoryVice>? holders) ? holders : _promises[fid] = []).Add(client);
    }

    public void GiveUp(Fid fid, MemoryVice client) => _promises.GetValueOrDefault(fid)?.Remove(client);

    public bool TakeUpload(UploadId id, out byte[] content) => _uploads.Remove(id, out content!);

    public void PutUpload(UploadId id, byte[] content)
    {
        lock (_lock)
            _uploads[id] = content;
    }

    /// <summary>Runs a mutation in one turn, then breaks what it touched at the other holders, and waits for them.</summary>
    public async ValueTask<Outcome<T>> MutateAsync<T>(MemoryVice writer, Func<MemoryTurn, Outcome<T>> mutate)
    {
        Outcome<T> outcome;
        var breaks = new Dictionary<MemoryVice, List<PromiseBreak>>();
        lock (_lock)
        {
            var turn = new MemoryTurn(this);
            outcome = mutate(turn);
            if (outcome.IsReply)
            {
                Version++;
                foreach (Fid fid in turn.Touched)
                {
                    foreach (MemoryVice holder in _promises.GetValueOrDefault(fid, []).Where(h => h != writer).ToArray())
                    {
                        _promises[fid].Remove(holder);
                        (breaks.TryGetValue(holder, out List<PromiseBreak>? list) ? list : breaks[holder] = []).Add(new PromiseBreak { Fid = fid });
                    }
                }
            }
        }
        await Task.WhenAll(breaks.Select(b => b.Key.BreakAsync(b.Value)));
        return outcome;
    }

    public MemoryVnode Make(FileType type, uint mode, Fid parent)
    {
        var fid = new Fid(_id, new(++_lastVnode), new(1));
        return _vnodes[fid] = new MemoryVnode(New(fid, type, mode, type == FileType.Directory ? parent : default));
    }

    public void Delete(Fid fid) => _vnodes.Remove(fid);

    public void CountUnseen() => Unseen++;

    public static string Text(byte[] name) => Encoding.Latin1.GetString(name);

    private static FetchStatus New(Fid fid, FileType type, uint mode, Fid parent) => new()
    {
        Fid = fid,
        Type = type,
        Mode = mode,
        Uid = 0,
        Gid = 0,
        LengthBytes = 0,
        AllocatedBytes = 0,
        LinkCount = type == FileType.Directory ? 2u : 1u,
        DataVersion = new(1),
        StatusVersion = new(1),
        AccessTime = new(1, 0),
        ModifyTime = new(1, 0),
        ChangeTime = new(1, 0),
        Parent = parent,
    };
}
