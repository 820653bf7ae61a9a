using System.Runtime.InteropServices;
using Afs.Platform;
using Afs.Wire;
using Microsoft.Win32.SafeHandles;

namespace Afs.Venus.Cache;

/// <summary>What the index says of a container. Numbers are on disk: never reused.</summary>
internal enum ContainerState : byte
{
    /// <summary>Its content is that of its base version, at the server too.</summary>
    Clean = 1,

    /// <summary>Open for writing, or was when the daemon died: there may be changes that no close has finished.</summary>
    Writing = 2,

    /// <summary>Changed, closed or synced, and not yet stored.</summary>
    Dirty = 3,

    /// <summary>
    /// As Writing, and what the file was at the row's baseline, with the row's checksum, was sent to the server. Whether it is a version there, and which one, the server knows.
    /// </summary>
    Storing = 4,
}

/// <summary>What this client knows of a container. The index has no word for each: see <see cref="Container"/>.</summary>
internal enum ContainerPhase : byte
{
    Made,
    Clean,
    Watched,
    Writing,
    Left,
    Dirty,
}

internal static class ContainerPhases
{
    /// <summary>The index's word for it, but for what was sent.</summary>
    public static ContainerState ToRow(this ContainerPhase phase) => phase switch
    {
        ContainerPhase.Clean => ContainerState.Clean,
        ContainerPhase.Dirty => ContainerState.Dirty,
        _ => ContainerState.Writing,
    };
}

/// <summary>A look at a container's file before its content is read for a store.</summary>
/// <param name="TimesSet">How often its modification time had been set by then.</param>
/// <param name="TimesDisowned">How often its base version had turned out never to have been.</param>
internal readonly record struct BeforeStore(ContainerStat Stat, int TimesSet, int TimesDisowned);

/// <summary>What becomes of a container at the end of its last use.</summary>
internal enum ContainerFate : byte
{
    /// <summary>It stays, for the next open.</summary>
    Current = 0,

    /// <summary>A newer version is in another container: deleted.</summary>
    Superseded,

    /// <summary>This client removed the file: nothing is stored any more; deleted.</summary>
    RemovedHere,

    /// <summary>Another client removed the file; the content lies in the recovered folder and stays there.</summary>
    Parked,

    /// <summary>It was written under a lock that was lost; the content lies in the recovered folder and stays there.</summary>
    LockLost,

    /// <summary>Its last use ended.</summary>
    Gone,
}

/// <summary>
/// Decides whether a container is still what was stored, and whether anybody may still write to it: so, whether its file may go and its row may say Clean.
/// Nobody else decides that. A container is sealed where both hold in this order: the kernel denies that anybody has it open or mapped for writing; then its
/// content is compared, and is that of its base version. So the comparison sees the last write, whatever the times of the file say. Only another open for
/// writing breaks the seal.
/// </summary>
internal sealed class ContainerSeals(ContainerTable table, IContainerFiles files, DirtyContainers dirty, IBlockingWork work)
{
    /// <summary>Rounds of a comparison that stores overtake.</summary>
    private const int MostRounds = 8;

    /// <summary>Does the content differ from what was fetched or last stored? Reads it where the file's times can't say. Only while pinned.</summary>
    /// <exception cref="DiskException">The file can't be read.</exception>
    public async ValueTask<bool> IsChangedAsync(Container container) => container.Look() switch
    {
        Sameness.Same => false,
        Sameness.Changed => true,
        _ => await RunAsync(container, () => IsContentChanged(container)),
    };

    /// <summary>As above, of the content, whatever the times say. Takes as long as reading it.</summary>
    /// <exception cref="DiskException">The file can't be read.</exception>
    public bool IsContentChanged(Container container) => CompareContent(container, protects: true);

    /// <param name="protects">Somebody may have it mapped for writing.</param>
    /// <returns>It was changed.</returns>
    private bool CompareContent(Container container, bool protects)
    {
        for (int round = 0; round < MostRounds; round++)
        {
            if (!container.Baseline.IsKnown)
                break;
            (ContainerStat at, int of) = container.BeginComparison();
            bool isSame = at.LengthBytes == container.Baseline.LengthBytes && HasContent(container, at.LengthBytes, container.Crc32C, protects);
            if (container.TryEndComparison(at, of, isSame))
                return !isSame;
        }
        return container.Look() != Sameness.Same;
    }

    /// <summary>Nobody can write to it, and its content is that of its base version. Reads the content, once. Must not be pinned by who writes.</summary>
    public bool TrySeal(Container container)
    {
        if (container.Phase != ContainerPhase.Watched)
            return container.Phase == ContainerPhase.Clean;
        int begun = container.WritesBegun;
        try
        {
            if (!container.TryPinClosed())
                return false;
            try
            {
                if (container.MayBeWritten())
                    return false;
                // Who maps it from here on begins with a fault, which moves the ctime (file_update_time).
                if (!CompareContent(container, protects: false))
                    return container.TrySeal(begun);
                if (container.NoteChanged())
                    dirty.LookSoon(container); // Though nobody has it open: somebody must store it.
                return false;
            }
            finally
            {
                table.Unpin(container);
            }
        }
        catch (DiskException e)
        {
            // Without its file there is nothing to be kept.
            return e.Failure == DiskFailure.NotFound && container.TrySeal(begun);
        }
    }

    /// <summary>
    /// Makes it the current one of its fid, unless one is there that holds changes of this client, or may be written by somebody still, or is of a newer version: then it
    /// is deleted. The current one afterwards.
    /// </summary>
    public Container Install(Container container)
    {
        Container? kept = null;
        while (true)
        {
            Container current = table.Install(container, kept, out Container? watched);
            if (watched is null)
                return current;
            // Asked under no lock; it may be written again by the next round.
            if (!TrySeal(watched))
                kept = watched;
        }
    }

    /// <summary>True: nobody could write to it, the server has its content, nothing used it, and it is deleted.</summary>
    public bool TryEvict(Container container) => TrySeal(container) && table.TryEvict(container);

    /// <summary>All of a volume that hold no change of this client, and can't any more, go; those in use at the end of their last use.</summary>
    public void DropClean(VolumeId volume)
    {
        foreach (Container container in table.Snapshot(volume))
            DropIfClean(container);
    }

    /// <summary>As above, one.</summary>
    public void DropIfClean(Container container)
    {
        if (!container.IsLocal && TrySeal(container))
            table.Drop(container, ContainerFate.Superseded);
    }

    /// <summary>As <see cref="TrySeal"/>, not on the caller's thread where it takes long.</summary>
    public ValueTask<bool> TrySealAsync(Container container) => RunAsync(container, () => TrySeal(container));

    /// <summary>As <see cref="IsContentChanged"/>, not on the caller's thread where it takes long.</summary>
    /// <exception cref="DiskException">The file can't be read.</exception>
    public ValueTask<bool> IsContentChangedAsync(Container container) => RunAsync(container, () => IsContentChanged(container));

    /// <summary>As <see cref="HasContent"/>, not on the caller's thread where it takes long.</summary>
    /// <exception cref="DiskException">The file can't be read.</exception>
    public ValueTask<bool> HasContentAsync(Container container, long lengthBytes, uint crc32C) =>
        RunAsync(container, () => HasContent(container, lengthBytes, crc32C, protects: true));

    /// <summary>At the end of a mount: what can be sealed is, so that the next one needn't look at it.</summary>
    public async Task TrySealAllAsync()
    {
        foreach (Container container in table.Snapshot())
            await TrySealAsync(container);
    }

    /// <summary>Is the content this one?</summary>
    /// <param name="protects">Each range before it is read: so what a mapping writes behind the reader shows in the file's times.</param>
    private bool HasContent(Container container, long lengthBytes, uint crc32C, bool protects)
    {
        try
        {
            IDiskFile file = protects ? new ProtectedFile(container.File, files) : container.File;
            return container.GetStat().LengthBytes == lengthBytes && ContainerReader.Checksum(file, lengthBytes) == crc32C;
        }
        catch (ShrunkException)
        {
            return false;
        }
    }

    /// <summary>Reading little costs less than a change of threads.</summary>
    private async ValueTask<bool> RunAsync(Container container, Func<bool> read) =>
        container.Baseline.LengthBytes <= Limits.InlineContentBytes ? read() : await work.RunAsync(read);
}

/// <summary>What the end of a use of a container leads to.</summary>
internal struct Unpinned
{
    /// <summary>It was the last that wrote, and there are changes that the server doesn't have.</summary>
    public bool IsLeftUnstored;

    /// <summary>The file is nobody's: delete it.</summary>
    public bool IsToDelete;
}

/// <summary>
/// Asks the kernel whether anybody has a file open or mapped for writing: it gives a read lease only where nobody has (fcntl(2), F_SETLEASE;
/// check_conflicting_open in fs/locks.c). A passthrough mapping keeps the container open for writing, so it is seen too.
/// </summary>
internal static partial class WriterCheck
{
    private const int SetSignal = 10, SetLease = 1024;
    private const int ReadLease = 0, NoLease = 2;

    /// <summary>What the kernel sends if somebody opens the file for writing during the look. Its default is to be ignored; that of SIGIO is to end the process.</summary>
    private const int SignalUrgent = 23;

    /// <summary>True also where the filesystem knows no leases.</summary>
    /// <param name="readOnly">Open for reading only, and the caller's only descriptor of the file.</param>
    public static bool MayBeWritten(SafeFileHandle readOnly)
    {
        int descriptor = (int)readOnly.DangerousGetHandle();
        if (Fcntl(descriptor, SetSignal, SignalUrgent) != 0 || Fcntl(descriptor, SetLease, ReadLease) != 0)
            return true;
        _ = Fcntl(descriptor, SetLease, NoLease);
        return false;
    }

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int Fcntl(int file, int command, nint argument);
}
