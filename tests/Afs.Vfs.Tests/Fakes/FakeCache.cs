using System.Text;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Vfs.Tests;

/// <summary>
/// A cache manager over a server that is a dictionary. Promises are by fid and broken by hand: what other clients do is
/// <see cref="StoreByOther"/> and so on, and <see cref="BreakAsync"/> is the break that follows.
/// </summary>
internal sealed partial class FakeCache : ICacheManager, IStatusCache, IDirectoryCache, IDisposable
{
    public static readonly VolumeId Volume = new(1);

    private readonly Dictionary<Fid, FakeVnode> _vnodes = [];
    private readonly HashSet<Fid> _promised = [];
    private readonly Dictionary<Fid, FetchStatus> _removed = [];

    /// <summary>Of which the server has said that they are gone: their last status is what is known.</summary>
    private readonly HashSet<Fid> _knownRemoved = [];
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("vfs-test-");
    private ulong _lastVnode = 1;
    private IKernelCaches? _kernel;

    public FakeCache() => _vnodes.Add(Root, new FakeVnode(NewStatus(Root, FileType.Directory, 0x1ED)));

    public Fid Root { get; } = new(Volume, VnodeNumber.Root, new Uniquifier(1));

    public void BeginOperation()
    {
    }

    public IStatusCache Statuses => this;

    public TimeSpan LeaseLeft { get; set; } = TimeSpan.FromSeconds(10);

    TimeSpan IStatusCache.LeaseLeft(Fid fid) => LeaseLeft;

    public IDirectoryCache Directories => this;

    public IContentCache Contents => this;

    public IFileOperations Operations => this;

    /// <summary>Calls that a real cache would have made to the server.</summary>
    public int Calls { get; private set; }

    public Dictionary<Fid, int> Retained { get; } = [];

    public void AttachKernel(IKernelCaches kernel) => _kernel = kernel;

    public Fid Add(string name, string content, uint mode = 0x1A4, FileType type = FileType.Regular)
    {
        Fid fid = NewFid();
        byte[] bytes = Encoding.UTF8.GetBytes(content);
        _vnodes.Add(fid, new FakeVnode(NewStatus(fid, type, mode) with { LengthBytes = bytes.Length }) { Content = bytes });
        Enter(Root, name, fid);
        return fid;
    }

    public void AddLink(string name, Fid fid) => Enter(Root, name, fid);

    public void AddTo(Fid directory, string name)
    {
        Fid fid = NewFid();
        _vnodes.Add(fid, new FakeVnode(NewStatus(fid, FileType.Regular, 0x1A4)));
        Enter(directory, name, fid);
    }

    public Fid FidOf(string name) => _vnodes[Root].Entries[name];

    /// <summary>The break is on its way to the kernel.</summary>
    public void LosePromise(Fid fid) => _promised.Remove(fid);

    public FetchStatus StatusOf(Fid fid) => _vnodes[fid].Status;

    public string ContentOf(Fid fid) => Encoding.UTF8.GetString(_vnodes[fid].Content);

    public void StoreByOther(Fid fid, string content)
    {
        FakeVnode vnode = _vnodes[fid];
        vnode.Content = Encoding.UTF8.GetBytes(content);
        vnode.Status = vnode.Status with { LengthBytes = vnode.Content.Length, DataVersion = vnode.Status.DataVersion.Next };
    }

    public void ChangeByOther(Fid fid, Func<FetchStatus, FetchStatus> change) => _vnodes[fid].Status = change(_vnodes[fid].Status);

    public void RemoveByOther(string name)
    {
        Fid fid = _vnodes[Root].Entries[name];
        Leave(Root, name);
        _removed[fid] = _vnodes[fid].Status with { LinkCount = 0 };
        _vnodes.Remove(fid);
    }

    /// <summary>The break arrives: first the promise goes, then the kernel is told.</summary>
    public async Task BreakAsync(params Fid[] fids)
    {
        _promised.ExceptWith(fids);
        await _kernel!.InvalidateAsync([.. fids.Select(f => new PromiseBreak { Fid = f })]);
    }

    public bool TryGet(Fid fid, out FetchStatus status)
    {
        bool isPromised = _promised.Contains(fid) && _vnodes.ContainsKey(fid);
        status = isPromised ? _vnodes[fid].Status : _removed.GetValueOrDefault(fid)!;
        return status is not null && (isPromised || _knownRemoved.Contains(fid));
    }

    public ValueTask<Result<FetchStatus>> GetAsync(Fid fid, OperationContext operation)
    {
        if (TryGet(fid, out FetchStatus status))
            return new(status);
        Calls++;
        if (!_vnodes.TryGetValue(fid, out FakeVnode? vnode))
            return new((Result<FetchStatus>)(Failure)AbortCodes.NoVnode);
        _promised.Add(fid);
        return new(vnode.Status);
    }

    public ValueTask<Failure> PrefetchAsync(IReadOnlyList<Fid> fids, OperationContext operation)
    {
        Calls++;
        _promised.UnionWith(fids.Where(_vnodes.ContainsKey));
        return new(Failure.None);
    }

    public void Retain(Fid fid) => Retained[fid] = Retained.GetValueOrDefault(fid) + 1;

    public void Release(Fid fid) => Retained[fid]--;

    public LookupAnswer TryLookup(Fid directory, ReadOnlySpan<byte> name, out Fid child, out FileType type)
    {
        (child, type) = (default, default);
        if (!_promised.Contains(directory))
            return LookupAnswer.Unknown;
        if (!_vnodes[directory].Entries.TryGetValue(Encoding.Latin1.GetString(name), out child))
            return LookupAnswer.Absent;
        type = _vnodes.TryGetValue(child, out FakeVnode? vnode) ? vnode.Status.Type : FileType.Regular;
        return LookupAnswer.Found;
    }

    public bool TryGetVersion(Fid directory, out DataVersion version)
    {
        version = _vnodes.TryGetValue(directory, out FakeVnode? vnode) ? vnode.Status.DataVersion : default;
        return _promised.Contains(directory);
    }

    public bool TryGetListing(Fid directory, out DirectoryListing listing)
    {
        listing = null!;
        if (!_vnodes.TryGetValue(directory, out FakeVnode? vnode))
            return false;
        listing = new DirectoryListing(
            directory, Root, vnode.Status.DataVersion, [.. vnode.Entries.Select(e => new ListedName(Encoding.Latin1.GetBytes(e.Key), e.Value, _vnodes[e.Value].Status.Type))]);
        return _promised.Contains(directory);
    }

    public ValueTask<Failure> LoadAsync(Fid directory, OperationContext operation)
    {
        if (!_vnodes.ContainsKey(directory))
        {
            _knownRemoved.Add(directory);
            return new((Failure)AbortCodes.NoVnode);
        }

        if (_promised.Add(directory))
            Calls++;
        return new(Failure.None);
    }

    public void Dispose()
    {
        foreach (FakeContainerFile file in _files.Values.Concat(_retired))
            file.Handle.Dispose();
        _folder.Delete(recursive: true);
    }

    private Fid NewFid() => new(Volume, new VnodeNumber(++_lastVnode), new Uniquifier(1));

    private void Enter(Fid directory, string name, Fid fid)
    {
        _vnodes[directory].Entries[name] = fid;
        Touch(directory);
    }

    private void Leave(Fid directory, string name)
    {
        _vnodes[directory].Entries.Remove(name);
        Touch(directory);
    }

    private void Touch(Fid directory) =>
        _vnodes[directory].Status = _vnodes[directory].Status with { DataVersion = _vnodes[directory].Status.DataVersion.Next };

    private static FetchStatus NewStatus(Fid fid, FileType type, uint mode) => new()
    {
        Fid = fid,
        Type = type,
        Mode = mode,
        Uid = 0,
        Gid = 0,
        LengthBytes = 0,
        AllocatedBytes = 0,
        LinkCount = 1,
        DataVersion = new DataVersion(1),
        StatusVersion = new StatusVersion(1),
        AccessTime = new Timestamp(100, 0),
        ModifyTime = new Timestamp(100, 0),
        ChangeTime = new Timestamp(100, 0),
    };
}
