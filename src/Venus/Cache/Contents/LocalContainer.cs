using Afs.Wire;
using Microsoft.Win32.SafeHandles;

namespace Afs.Venus.Cache;

/// <summary>A container that holds changes of this client, not pinned by this: whoever has it open pins it, or it is pinned for each call.</summary>
internal sealed class LocalContainer(Container container, ContentStorer storer, ContentUses uses) : IContainer
{
    public ContainerId Id => container.Id;

    public Fid Fid => container.Fid;

    public DataVersion BaseVersion => container.BaseVersion;

    public SafeFileHandle Handle => container.File.Handle!;

    public IArrival? Arrival => null;

    public bool MayBeWritten => true;

    public bool TryGetLocalStatus(out LocalStatus status)
    {
        status = default;
        if (!container.TryPin())
            return false;
        try
        {
            return LocalStatuses.TryGet(container, out status);
        }
        finally
        {
            uses.Ended(container, wasWriting: false);
        }
    }

    public async ValueTask<Failure> StoreAsync(bool killSetId, CancellationToken cancellation)
    {
        if (!container.TryPin())
            return Failure.None;
        try
        {
            return await storer.StoreAsync(container, killSetId, cancellation);
        }
        finally
        {
            uses.Ended(container, wasWriting: false);
        }
    }

    public void Dispose()
    {
    }
}
