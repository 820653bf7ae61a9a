using System.Diagnostics;
using Afs.Platform;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Cache;

/// <summary>
/// Looks after containers that were open for writing. RELEASE comes while a mapping still writes, so each is looked at soon after its
/// last close, then again with its checksum (a page that was mapped and dirty at the store shows no later write in ctime), then some more times.
/// After that, opening and eviction look. A change that is found is stored. Once the kernel says that nobody can write any more and the checksum is
/// right, all that ends; for a small file, whose checksum costs nothing, at the first look.
/// </summary>
internal sealed partial class WrittenContainers(ContentStorer storer, IContainerFiles files, ContainerTable table, TimeProvider time, ILogger log)
{
    private const int MostWatched = 65536;

    /// <summary>After the last close; the look of index <see cref="ChecksumLook"/> reads the content.</summary>
    private static readonly TimeSpan[] Looks = [TimeSpan.Zero, TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(30), TimeSpan.FromMinutes(5)];

    private const int ChecksumLook = 1;

    private readonly Lock _lock = new();
    private readonly Dictionary<ContainerId, Watch> _watched = [];

    public int Count
    {
        get
        {
            lock (_lock)
                return _watched.Count;
        }
    }

    /// <summary>A use that wrote ends. The first look is due at once.</summary>
    public void Add(Container container)
    {
        lock (_lock)
        {
            if (_watched.Count < MostWatched || _watched.ContainsKey(container.Id))
                _watched[container.Id] = new Watch(container, time.GetTimestamp(), 0);
        }
    }

    /// <summary>Will it be looked at again?</summary>
    public bool Knows(Container container)
    {
        lock (_lock)
            return _watched.ContainsKey(container.Id);
    }

    /// <summary>INVARIANT: each is watched under its own id, at a look that there is; bounded.</summary>
    public void CheckInvariants()
    {
        lock (_lock)
        {
            bool isBounded = _watched.Count <= MostWatched;
            if (!isBounded || _watched.Any(static pair => pair.Value.Container.Id != pair.Key || pair.Value.Look >= Looks.Length))
                throw new UnreachableException($"{_watched.Count} written containers are watched, not all as they should be.");
        }
    }

    /// <summary>All that are due.</summary>
    public async Task LookAsync(CancellationToken cancellation)
    {
        foreach (Watch watch in TakeDue())
        {
            try
            {
                await LookAsync(watch, cancellation);
            }
            catch (DiskException e)
            {
                LogLookFailed(watch.Container.Fid, e.Message);
            }
        }
    }

    private List<Watch> TakeDue()
    {
        var due = new List<Watch>();
        lock (_lock)
        {
            foreach (Watch watch in _watched.Values)
            {
                if (time.GetElapsedTime(watch.Since) >= Looks[watch.Look])
                    due.Add(watch);
            }
            foreach (Watch watch in due)
            {
                if (watch.Look + 1 < Looks.Length)
                    _watched[watch.Container.Id] = watch with { Look = watch.Look + 1 };
                else
                    _watched.Remove(watch.Container.Id);
            }
        }
        return due;
    }

    private async Task LookAsync(Watch watch, CancellationToken cancellation)
    {
        Container container = watch.Container;
        if (container.HasWriters || container.NeedsVerify || !container.TryPinClosed())
            return; // Its next last close begins anew; or a crash may have changed it; or it is gone.
        int writesBegun = container.WritesBegun;
        bool isSmall = container.Baseline.LengthBytes <= Limits.InlineContentBytes;
        try
        {
            // Asked before the content is compared, so that the comparison sees the last write.
            bool mayBeWritten = watch.Look < ChecksumLook && !isSmall || container.MayBeWrittenOutside();
            if ((watch.Look == ChecksumLook || !mayBeWritten) && !container.IsChanged())
                CompareContent(container);
            bool isStored = (await storer.StoreClosedAsync(container, cancellation)).IsNone;
            if (isStored && !mayBeWritten && container.TrySettleUnwritten(writesBegun))
                Forget(watch);
        }
        finally
        {
            table.Unpin(container);
        }
    }

    /// <summary>Unless it was written since the look began.</summary>
    private void Forget(Watch watch)
    {
        lock (_lock)
        {
            if (_watched.TryGetValue(watch.Container.Id, out Watch known) && known.Since == watch.Since)
                _watched.Remove(watch.Container.Id);
        }
    }

    private void CompareContent(Container container)
    {
        ContainerStat before = container.GetStat();
        try
        {
            if (ContainerReader.Checksum(new ProtectedFile(container.File, files), before.LengthBytes) != container.Crc32C)
                container.ForgetBaseline();
        }
        catch (ShrunkException)
        {
            // It is being changed at this moment, which its ctime shows.
        }
    }

    private readonly record struct Watch(Container Container, long Since, int Look);

    [LoggerMessage(EventId = 230, Level = LogLevel.Error, Message = "The container of {Fid} can't be looked at: {Reason}")]
    private partial void LogLookFailed(Fid fid, string reason);
}
