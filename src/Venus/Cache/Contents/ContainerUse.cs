using Afs.Wire;
using Microsoft.Win32.SafeHandles;

namespace Afs.Venus.Cache;

/// <summary>One open of a container.</summary>
internal sealed class ContainerUse(Container container, bool isWriting, ContentStorer storer, ContentUses uses) : IContainer
{
    private int _isDisposed;

    public Container Container => container;

    public ContainerId Id => container.Id;

    public Fid Fid => container.Fid;

    public DataVersion BaseVersion => container.BaseVersion;

    public SafeFileHandle Handle => container.File.Handle!;

    public IArrival? Arrival => container.Arrival;

    public bool MayBeWritten => container.EverWritten || container.IsLocal;

    public bool TryGetLocalStatus(out LocalStatus status) => LocalStatuses.TryGet(container, out status);

    public ValueTask<Failure> StoreAsync(bool killSetId, CancellationToken cancellation) => storer.StoreAsync(container, killSetId, cancellation);

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
            uses.Ended(container, isWriting);
    }
}
