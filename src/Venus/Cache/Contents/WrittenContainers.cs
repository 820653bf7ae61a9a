using Afs.Platform;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Cache;

/// <summary>
/// Looks after containers that were open for writing. RELEASE comes while a mapping still writes, so each is looked at soon after its last close, and then
/// again and again for as long as somebody may write to it. A change that is found is stored: so within seconds. Once the kernel says that nobody can write any
/// more and the content is right, the container is sealed, and all that ends; for a small file, whose content costs nothing to compare, at the first look.
///
/// Where a store into a mapped page doesn't show in the file's times the content is compared each time, and the more seldom the longer that takes.
/// </summary>
internal sealed partial class WrittenContainers(
    VolumeId volume, DirtyContainers dirty, ContentStorer storer, ContainerSeals seals, IContainerFiles files, ContainerTable table, TimeProvider time, ILogger log)
{
    /// <summary>From the last close to the second look, and from each look to the next after that.</summary>
    private static readonly TimeSpan SecondLook = TimeSpan.FromSeconds(2), Interval = TimeSpan.FromSeconds(5);

    /// <summary>Comparing contents again and again takes one part in so many of the time.</summary>
    private const int ComparisonShare = 50;

    /// <summary>All of the volume that are due.</summary>
    public async Task LookAsync(OperationContext operation)
    {
        foreach (DueLook look in dirty.LooksDue(volume))
        {
            try
            {
                await LookAsync(look, operation);
            }
            catch (DiskException e)
            {
                LogLookFailed(look.Container.Fid, e.Message);
                Continue(look, TimeSpan.Zero);
            }
        }
    }

    private async Task LookAsync(DueLook look, OperationContext operation)
    {
        Container container = look.Container;
        // Its next last close begins anew; or it is gone.
        if (container.HasWriters || container.IsRemovedHere || container.Phase == ContainerPhase.Clean || !container.TryPinClosed())
        {
            dirty.EndLooks(look);
            return;
        }
        long began = time.GetTimestamp();
        try
        {
            if (!container.NeedsRecovery)
                await LookPinnedAsync(container, look.IsFirst, operation);
        }
        finally
        {
            table.Unpin(container);
        }
        // What could not be stored is tried again by StoreRetries.
        if (container.Phase == ContainerPhase.Watched || container.NeedsRecovery)
            Continue(look, time.GetElapsedTime(began));
        else
            dirty.EndLooks(look);
    }

    private async Task LookPinnedAsync(Container container, bool isFirst, OperationContext operation)
    {
        // Whoever closed a large file may be about to open it again; and the next look costs as much.
        bool mayWait = isFirst && container.Baseline.LengthBytes > Limits.InlineContentBytes;
        if (!mayWait && seals.TrySeal(container))
            return;
        if (!mayWait && !files.ShowsMapped)
            seals.IsContentChanged(container);
        await storer.StoreClosedAsync(container, operation);
    }

    private void Continue(DueLook look, TimeSpan took)
    {
        TimeSpan wait = look.IsFirst ? SecondLook : Interval;
        if (!files.ShowsMapped && took * ComparisonShare > wait)
            wait = took * ComparisonShare;
        dirty.LookAgain(look, wait);
    }

    [LoggerMessage(EventId = 230, Level = LogLevel.Error, Message = "The container of {Fid} can't be looked at: {Reason}")]
    private partial void LogLookFailed(Fid fid, string reason);
}

/// <summary>A container that holds changes of this client, not pinned by this: whoever has it open pins it, or it is pinned for each call.</summary>
internal sealed class LocalContainer(Container container, ContentStorer storer, ContentUses uses) : IContainer
{
    public ContainerId Id => container.Id;

    public Fid Fid => container.Fid;

    public DataVersion BaseVersion => container.BaseVersion;

    public BorrowedHandle Borrow() => BorrowedHandle.Of(container.File);

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

    public IContainer? TryShare() => container.TryPinClosed() ? new ContainerUse(container, isWriting: false, storer, uses) : null;

    public ValueTask<Failure> StoreAsync(OperationContext operation) =>
        PinnedAsync(() => storer.StoreAsync(container, operation));

    /// <summary>For nobody's close. Who opens it for writing meanwhile stores it at his own: that is no failure.</summary>
    public async ValueTask<Failure> StoreClosedAsync(OperationContext operation)
    {
        Failure failure = await PinnedAsync(() => storer.StoreClosedAsync(container, operation));
        return failure.Kind == FailureKind.Interrupted && !operation.IsInterrupted ? Failure.None : failure;
    }

    private async ValueTask<Failure> PinnedAsync(Func<ValueTask<Failure>> store)
    {
        if (!container.TryPin())
            return Failure.None;
        try
        {
            return await store();
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

/// <summary>What a container file says of itself, where it says more than the server.</summary>
internal static class LocalStatuses
{
    /// <summary>The container is pinned.</summary>
    public static bool TryGet(Container container, out LocalStatus status)
    {
        status = default;
        if (container.Phase == ContainerPhase.Clean && !container.IsLocal)
            return false;
        bool isChanged = container.Look(out ContainerStat stat) == Sameness.Changed;
        if (!container.IsLocal && !isChanged)
            return false;
        status = new LocalStatus(stat.LengthBytes, stat.AllocatedBytes, stat.ModifyTime, isChanged ? stat.ChangeTime : null);
        return true;
    }
}

/// <summary>What a failure of the cache's disk means to the process that waits.</summary>
internal static class DiskFailures
{
    public static Failure ToFailure(DiskException e) => e.Failure switch
    {
        DiskFailure.NoSpace => FailureKind.CacheFull,
        DiskFailure.TooManyOpenFiles => FailureKind.TooManyOpenFiles,
        _ => FailureKind.CacheDiskFailed,
    };
}
