using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Vfs.Tests;

/// <summary>A use of a container: a real file in the temporary folder.</summary>
internal sealed class FakeContainer(FakeCache cache, FakeContainerFile file, bool isWriting) : IContainer
{
    public FakeContainerFile File => file;

    public ContainerId Id => file.Id;

    public Fid Fid => file.Fid;

    public DataVersion BaseVersion => file.Base;

    public BorrowedHandle Borrow() => new(file.Handle, null);

    public IArrival? Arrival => file.Arrival;

    public bool MayBeWritten => file.Writers > 0 || file.MayBeMapped;

    public bool TryGetLocalStatus(out LocalStatus status)
    {
        long lengthBytes = RandomAccess.GetLength(file.Handle);
        status = new LocalStatus(lengthBytes, lengthBytes, new Timestamp(500, 0), new Timestamp(500, 0));
        return file.Writers > 0;
    }

    public IContainer? TryShare()
    {
        file.Uses++;
        return new FakeContainer(cache, file, isWriting: false);
    }

    public ValueTask<Failure> StoreAsync(OperationContext operation)
    {
        file.Stores++;
        return new(cache.Store(file));
    }

    public void Dispose()
    {
        if (isWriting)
            file.Writers--;
        file.Uses--;
    }
}
