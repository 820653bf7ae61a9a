using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Vfs.Tests;

/// <summary>Contents in real files, since descriptors of them go to the kernel.</summary>
internal sealed partial class FakeCache : IContentCache
{
    private readonly Dictionary<Fid, FakeContainerFile> _files = [];
    private readonly List<FakeContainerFile> _retired = [];
    private ulong _lastContainer;

    /// <summary>What every store answers.</summary>
    public Failure StoreFailure { get; set; }

    /// <summary>The next fetch's content is still coming.</summary>
    public IArrival? NextArrival { get; set; }

    public FakeContainerFile? FileOf(Fid fid) => _files.GetValueOrDefault(fid);

    /// <summary>The last open for reading came with a proof that the container's file needn't be opened.</summary>
    public bool WasProven { get; private set; }

    public bool TryOpenForReading(Fid fid, ContainerId? proven, out IContainer container)
    {
        container = null!;
        WasProven = proven is not null && proven == FileOf(fid)?.Id;
        if (!_files.TryGetValue(fid, out FakeContainerFile? file))
            return false;
        if (file.Writers == 0 && !(TryGet(fid, out FetchStatus status) && status.DataVersion == file.Base))
            return false;
        container = Use(file, isWriting: false);
        return true;
    }

    public async ValueTask<Result<IContainer>> OpenAsync(Fid fid, bool forWriting, bool truncate, OperationContext operation)
    {
        Result<FetchStatus> status = await GetAsync(fid, operation);
        if (!status.IsSuccess)
            return status.Failure;
        bool isCached = _files.TryGetValue(fid, out FakeContainerFile? file) && (file.Writers > 0 || file.Base == status.Value.DataVersion);
        FakeContainerFile use = isCached ? file! : Fetch(fid, status.Value.DataVersion);
        if (truncate)
            RandomAccess.SetLength(use.Handle, 0);
        return Use(use, forWriting);
    }

    public ValueTask<IContainer?> TryWriteAsync(IContainer use, bool truncate, OperationContext operation)
    {
        FakeContainerFile? file = _files.Values.Concat(_retired).FirstOrDefault(file => file.Id == use.Id);
        if (file is not null && truncate)
            RandomAccess.SetLength(file.Handle, 0);
        return new(file is null ? null : Use(file, isWriting: true));
    }

    public IContainer? FindLocal(Fid fid) =>
        _files.TryGetValue(fid, out FakeContainerFile? file) && file.Writers > 0 ? new FakeContainer(this, file, isWriting: false) : null;

    public bool MayBeClosed(Fid fid) =>
        _files.TryGetValue(fid, out FakeContainerFile? file) && file.Writers > 0 && !(TryGet(fid, out FetchStatus status) && status.DataVersion == file.Base);

    public ValueTask<Failure> FetchAsync(Fid fid, OperationContext operation) => new(Failure.None);

    public ValueTask<Failure> StoreClosedAsync(Fid? only, OperationContext operation) => new(Failure.None);

    public Failure Store(FakeContainerFile file)
    {
        if (!StoreFailure.IsNone)
            return StoreFailure;
        byte[] content = new byte[RandomAccess.GetLength(file.Handle)];
        RandomAccess.Read(file.Handle, content, 0);
        FakeVnode vnode = _vnodes[file.Fid];
        vnode.Content = content;
        vnode.Status = vnode.Status with { LengthBytes = content.Length, DataVersion = vnode.Status.DataVersion.Next };
        file.Base = vnode.Status.DataVersion;
        return Failure.None;
    }

    private FakeContainer Use(FakeContainerFile file, bool isWriting)
    {
        file.Uses++;
        if (isWriting)
            file.Writers++;
        return new FakeContainer(this, file, isWriting);
    }

    private FakeContainerFile Fetch(Fid fid, DataVersion version)
    {
        Calls++;
        var id = new ContainerId(++_lastContainer);
        string path = Path.Combine(_folder.FullName, id.Value.ToString());
        File.WriteAllBytes(path, _vnodes[fid].Content);
        if (_files.TryGetValue(fid, out FakeContainerFile? old))
            _retired.Add(old);
        var file = new FakeContainerFile(id, fid, version, File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite));
        (file.Arrival, NextArrival) = (NextArrival, null);
        _files[fid] = file;
        return file;
    }
}
