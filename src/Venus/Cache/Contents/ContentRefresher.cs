using Afs.Platform;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// Makes an open container current, in place: for who got a lock of the server, and must see all that was stored under it before. It is not for who opens a file: his container is another one, and an old one stays what it
/// is. The rules:
/// <list type="number">
/// <item>What this client changed in it and hasn't stored stays, whatever the server has.</item>
/// <item>Where another container is the file's, and holds changes of this client, these are stored first.</item>
/// <item>The version comes whole into a container of its own, is checked there, and is copied from there: only blocks that differ are written. A crash in between leaves a container that its checksum betrays.</item>
/// </list>
/// </summary>
internal sealed class ContentRefresher(
    Statuses statuses, ContentFetcher fetcher, ContentStorer storer, ContainerTable table, ContainerSeals seals, DirtyContainers dirty, IContainerFiles files, IBlockingWork work)
{
    /// <summary>Versions that may come while this runs.</summary>
    private const int MostRounds = 16;

    private const int CopyBytes = 1 << 16;

    /// <summary>As far as is known without a call there is nothing to do.</summary>
    public bool IsCurrent(Container container) =>
        !container.IsParked && (container.IsRemovedHere || table.TryPeek(container.Fid, out Container? current) && current == container && (container.IsLocal || HasCurrentVersion(container)));

    /// <param name="container">The caller keeps it pinned.</param>
    /// <returns>It was changed.</returns>
    public async ValueTask<Result<bool>> RefreshAsync(Container container, OperationContext operation)
    {
        bool isChanged = false;
        try
        {
            for (int round = 0; round < MostRounds; round++)
            {
                if (container.IsRemovedHere)
                    return isChanged;
                if (container.IsParked)
                    return container.IsLockLost ? (Failure)AbortCodes.LockLost : FailureKind.RemovedMeanwhile;
                if (container.Arrival is { IsComplete: false } arrival && await arrival.WaitAsync(long.MaxValue, operation) is { IsNone: false } notThere)
                    return notThere;
                if (await StoreOtherAsync(container, operation) is { IsNone: false } notStored)
                    return notStored;
                if (HasCurrentVersion(container) || await seals.IsChangedAsync(container))
                    return isChanged;
                Result<Container?> fetched = await fetcher.FetchBesideAsync(container, operation);
                if (!fetched.IsSuccess)
                    return fetched.Failure == AbortCodes.NoVnode ? isChanged : fetched.Failure;
                if (fetched.Value is not { } beside)
                {
                    if (!statuses.TryGet(container.Fid, out _))
                        return isChanged; // Current, and not promised: who has the lock is told of no change that it forbids.
                    continue;
                }
                try
                {
                    isChanged |= await work.RunAsync(() => Copy(beside, container));
                }
                finally
                {
                    table.Drop(beside, ContainerFate.Superseded);
                }
            }
            return FailureKind.Unreachable;
        }
        catch (DiskException e)
        {
            return DiskFailures.ToFailure(e);
        }
        catch (OperationCanceledException) when (operation.IsInterrupted)
        {
            return FailureKind.Interrupted;
        }
    }

    private bool HasCurrentVersion(Container container) => statuses.TryGet(container.Fid, out FetchStatus status) && status.DataVersion == container.BaseVersion;

    private async ValueTask<Failure> StoreOtherAsync(Container container, OperationContext operation)
    {
        if (!table.TryPeek(container.Fid, out Container? other) || other == container || !other.IsLocal || other.IsNobodys || !other.TryPin())
            return Failure.None;
        try
        {
            return await storer.StoreAsync(other, operation);
        }
        finally
        {
            table.Unpin(other);
        }
    }

    /// <summary>False: it was changed meanwhile, and stays as it is.</summary>
    private bool Copy(Container from, Container to)
    {
        if (!from.TryPin())
            return false;
        try
        {
            if (to.Look() == Sameness.Changed)
                return false;
            IDiskFile source = from.File;
            using IDiskFile target = files.Open(to.Id);
            long lengthBytes = from.Baseline.LengthBytes;
            if (target.LengthBytes != lengthBytes)
                target.SetLength(lengthBytes);
            byte[] now = new byte[CopyBytes], wanted = new byte[CopyBytes];
            for (long offset = 0; offset < lengthBytes; offset += CopyBytes)
            {
                int count = (int)Math.Min(CopyBytes, lengthBytes - offset);
                if (source.Read(offset, wanted.AsSpan(0, count)) != count)
                    throw new DiskException(DiskFailure.Failed, "What was fetched is too short.");
                int had = target.Read(offset, now.AsSpan(0, count));
                if (had != count || !now.AsSpan(0, count).SequenceEqual(wanted.AsSpan(0, count)))
                    target.Write(offset, wanted.AsSpan(0, count));
            }
            files.SetModifyTime(target, from.GetStat().ModifyTime);
            to.Stored(from.BaseVersion, from.Crc32C, to.LookBeforeStore(), from.Blocks);
            table.Measure(to.Id, to.GetStat().AllocatedBytes);
            if (!to.HasWriters)
                dirty.LookSoon(to); // It is sealed again when nobody can write to it.
            return true;
        }
        finally
        {
            table.Unpin(from);
        }
    }
}
