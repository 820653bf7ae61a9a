using System.Collections.Concurrent;
using System.Diagnostics;
using Afs.Platform;
using Afs.Rpc;
using Afs.Venus.Callbacks;
using Afs.Venus.Servers;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Cache;

/// <summary>
/// Whole directories. A cached one is believed where its version is that of a promised status. Bounded by the number of entries of all
/// directories together; the coldest go first, and come again by a fetch.
/// </summary>
internal sealed class DirectoryCache(Statuses statuses, DirectoryFetcher fetcher, int mostEntries, CancellationToken stopping) : IDirectoryCache
{
    /// <summary>Rounds of fetching until the promise holds; each may be overtaken by a break of another client's change.</summary>
    private const int MostRounds = 64;

    private readonly ConcurrentDictionary<Fid, CachedDirectory> _directories = new();
    private readonly Lock _lock = new();
    private readonly Dictionary<Fid, Task<Failure>> _loads = [];

    // Entries that came since the total was last counted: counting looks at every directory.
    private long _loadedSinceEviction;

    public int Count => _directories.Count;

    public LookupAnswer TryLookup(Fid directory, ReadOnlySpan<byte> name, out Fid child, out FileType type)
    {
        bool isKnown = statuses.TryGet(directory, out FetchStatus status);
        if (isKnown && IsRemoved(status))
        {
            (child, type) = (default, FileType.None);
            return LookupAnswer.Absent;
        }
        if (isKnown && _directories.TryGetValue(directory, out CachedDirectory? cached))
        {
            cached.Used = true;
            return cached.TryLookup(status.DataVersion, name, out child, out type);
        }
        (child, type) = (default, FileType.None);
        return LookupAnswer.Unknown;
    }

    /// <summary>What the cached directory last said of a name, believed or not. Unknown: it isn't cached.</summary>
    public LookupAnswer TryPeek(Fid directory, ReadOnlySpan<byte> name, out Fid child)
    {
        child = default;
        return _directories.TryGetValue(directory, out CachedDirectory? cached)
            ? cached.TryLookup(cached.Version, name, out child, out _)
            : LookupAnswer.Unknown;
    }

    public bool TryGetVersion(Fid directory, out DataVersion version)
    {
        version = statuses.TryGet(directory, out FetchStatus status) ? status.DataVersion : default;
        if (version != DataVersion.None && IsRemoved(status))
            return true;
        return version != DataVersion.None && _directories.TryGetValue(directory, out CachedDirectory? cached) && cached.Version == version;
    }

    public bool TryGetListing(Fid directory, out DirectoryListing listing)
    {
        listing = null!;
        if (!statuses.TryGet(directory, out FetchStatus status))
            return false;
        if (IsRemoved(status))
        {
            listing = new DirectoryListing(directory, status.Parent, status.DataVersion, []);
            return true;
        }
        if (!_directories.TryGetValue(directory, out CachedDirectory? cached))
            return false;
        cached.Used = true;
        return cached.TryGetListing(status.DataVersion, status.Parent, out listing);
    }

    public async ValueTask<Failure> LoadAsync(Fid directory, OperationContext operation)
    {
        for (int round = 0; round < MostRounds; round++)
        {
            if (TryGetVersion(directory, out _))
                return Failure.None;
            await statuses.SettleAsync(directory, operation);
            if (TryGetVersion(directory, out _))
                return Failure.None;
            Failure failure;
            try
            {
                failure = await LoadOnce(directory, operation.Caller).ContinueHere().WaitAsync(operation);
            }
            catch (OperationCanceledException) when (operation.IsInterrupted)
            {
                return FailureKind.Interrupted;
            }
            if (!failure.IsNone)
                return failure;
        }
        return FailureKind.Unreachable;
    }

    /// <summary>A change by this client: the directory's status after it, and the names it set or removed.</summary>
    /// <param name="mark">From before its call.</param>
    public void ApplyOwn(FetchStatus after, CallMark mark, params IReadOnlyList<DirectoryChange> changes)
    {
        if (_directories.TryGetValue(after.Fid, out CachedDirectory? cached) && !statuses.IsDisowned(after.Fid, mark))
            cached.ApplyOwn(after.DataVersion, changes);
    }

    /// <summary>This client made it: that it has no names yet needn't be asked.</summary>
    public void AddEmpty(FetchStatus made)
    {
        CachedDirectory cached = _directories.GetOrAdd(made.Fid, static fid => new CachedDirectory(fid));
        cached.Used = true;
        cached.Install(new NameTable(), made.DataVersion);
        if (Interlocked.Increment(ref _loadedSinceEviction) > mostEntries / 16)
            EvictCold(except: made.Fid);
    }

    public void Remove(Fid directory) => _directories.TryRemove(directory, out _);

    /// <summary>One that an earlier daemon saved. Believed as any other: where its version is that of a promised status.</summary>
    public void Restore(SavedDirectory saved)
    {
        if (_loadedSinceEviction + saved.Names.Count > mostEntries)
            return;
        _loadedSinceEviction += saved.Names.Count + 1;
        var names = new NameTable();
        foreach (ListedName name in saved.Names)
            names.Set(name.Name, name.Fid, name.Type);
        _directories.GetOrAdd(saved.Fid, static fid => new CachedDirectory(fid)).Restore(names, saved.Version);
    }

    /// <summary>Adds what is to be saved.</summary>
    public void TakeUnsaved(SavedChanges into, bool isLast)
    {
        foreach (CachedDirectory directory in _directories.Values)
        {
            if (directory.TakeUnsaved(isLast) is { } unsaved)
                into.Directories.Add(unsaved);
        }
    }

    public void Clear() => _directories.Clear();

    /// <summary>Some name of a fid, by what is cached, current or not; null where none is known. Looks through everything.</summary>
    public byte[]? FindName(Fid child)
    {
        foreach (CachedDirectory directory in _directories.Values)
        {
            if (directory.FindName(child) is { } name)
                return name;
        }
        return null;
    }

    /// <summary>One load of a directory at a time; whoever comes meanwhile shares it, and looks again afterwards.</summary>
    private Task<Failure> LoadOnce(Fid directory, Caller caller)
    {
        TaskCompletionSource<Failure> load;
        lock (_lock)
        {
            if (_loads.TryGetValue(directory, out Task<Failure>? running))
                return running;
            load = new(TaskCreationOptions.RunContinuationsAsynchronously);
            _loads.Add(directory, load.Task);
        }
        BackgroundWork.Start("loading a directory", () => RunAsync(directory, caller, load));
        return load.Task;
    }

    private async Task RunAsync(Fid directory, Caller caller, TaskCompletionSource<Failure> load)
    {
        try
        {
            CachedDirectory cached = _directories.GetOrAdd(directory, static fid => new CachedDirectory(fid));
            cached.Used = true;
            Failure failure = await fetcher.FetchAsync(directory, cached, new OperationContext(caller, stopping));
            if (failure == AbortCodes.NoVnode || cached.Version == DataVersion.None)
                Remove(directory);
            if (Interlocked.Add(ref _loadedSinceEviction, cached.Count + 1) > mostEntries / 16)
                EvictCold(except: directory);
            Finish(directory);
            load.SetResult(failure);
        }
        catch (Exception e)
        {
            Finish(directory);
            load.SetException(e);
        }
    }

    private void Finish(Fid directory)
    {
        lock (_lock)
            _loads.Remove(directory);
    }

    /// <summary>One that was removed while somebody here works in it has no names, whatever was known of it: nothing can be made in it either.</summary>
    private static bool IsRemoved(FetchStatus directory) => directory.LinkCount == 0;

    private void EvictCold(Fid except)
    {
        Interlocked.Exchange(ref _loadedSinceEviction, 0);
        long entries = _directories.Values.Sum(static d => (long)d.Count + 1);
        for (int pass = 0; pass < 2 && entries > mostEntries; pass++)
        {
            foreach ((Fid fid, CachedDirectory directory) in _directories)
            {
                if (entries <= mostEntries)
                    return;
                if (directory.Used)
                    directory.Used = false;
                else if (fid != except && _directories.TryRemove(fid, out _))
                    entries -= directory.Count + 1;
            }
        }
    }

    /// <summary>INVARIANT: of a directory without a version the names are on their way, and no load that has ended is shared.</summary>
    public void CheckInvariants()
    {
        foreach ((Fid fid, CachedDirectory directory) in _directories)
        {
            directory.CheckInvariants();
            lock (_lock)
            {
                if (directory.Version == DataVersion.None && !_loads.ContainsKey(fid))
                    throw new UnreachableException($"Nothing is known of directory {fid}, and nobody loads it.");
            }
        }
        lock (_lock)
        {
            if (_loads.Values.Any(static load => load.IsCompleted))
                throw new UnreachableException("A load has ended and is still shared.");
        }
    }
}

/// <summary>Brings a directory up to date: what changed since the cached version, or all of it in pages.</summary>
/// <param name="server">How it is shown to people.</param>
internal sealed partial class DirectoryFetcher(
    ViceCalls calls, Statuses statuses, CacheFigures figures, ListingRoom room, string server, PeerWarnings warnings, ILogger log)
{
    /// <summary>How often a listing is begun again because the server no longer knew what changed meanwhile.</summary>
    private const int MostRestarts = 8;

    /// <summary>The statuses of the entries come with so many pages; in a larger directory they are fetched as they are needed.</summary>
    private const int PagesWithStatus = 4;

    /// <summary>One round: afterwards the directory is at a version that was current while this ran.</summary>
    public async Task<Failure> FetchAsync(Fid fid, CachedDirectory directory, OperationContext operation)
    {
        DataVersion have = directory.Version;
        Result<FetchDirectoryReply> reply = await AskAsync(fid, have, after: null, withStatus: have == DataVersion.None, operation);
        if (!reply.IsSuccess)
            return reply.Failure;
        // Changes upon changes may make of it more than any listing may bring: then it is listed anew, by that bound.
        if (reply.Value.IsDelta && directory.Bytes + NameTable.BytesAddedBy(reply.Value.Changes) > room.MostBytesOfOne)
        {
            reply = await AskAsync(fid, DataVersion.None, after: null, withStatus: false, operation);
            if (!reply.IsSuccess)
                return reply.Failure;
        }
        else if (reply.Value.IsDelta)
        {
            figures.DirectoryDeltas.Add();
            directory.ApplyDelta(have, reply.Value.Status.DataVersion, reply.Value.Changes);
            return Failure.None;
        }
        figures.DirectoryFetches.Add();
        return await FetchWholeAsync(fid, directory, reply.Value, operation);
    }

    private async Task<Failure> FetchWholeAsync(Fid fid, CachedDirectory directory, FetchDirectoryReply first, OperationContext operation)
    {
        for (int restart = 0; restart < MostRestarts; restart++)
        {
            using ListingRoom.ArrivingListing arriving = room.Begin();
            DataVersion begun = first.Status.DataVersion;
            Result<DataVersion> last = await FetchPagesAsync(fid, arriving, first, operation);
            if (!last.IsSuccess)
                return last.Failure;
            if (last.Value == begun)
            {
                directory.Install(arriving.Names, begun);
                return Failure.None;
            }
            // Pages of several versions: the changes since the first put it right.
            Result<FetchDirectoryReply> delta = await AskAsync(fid, begun, after: null, withStatus: false, operation);
            if (!delta.IsSuccess)
                return delta.Failure;
            if (delta.Value.IsDelta)
            {
                if (!arriving.TryApply(delta.Value.Changes))
                    return TooMuch(fid, arriving);
                directory.Install(arriving.Names, delta.Value.Status.DataVersion);
                return Failure.None;
            }
            first = delta.Value;
        }
        return FailureKind.Unreachable;
    }

    /// <summary>Fills the table from all pages; the version of the last.</summary>
    private async Task<Result<DataVersion>> FetchPagesAsync(Fid fid, ListingRoom.ArrivingListing arriving, FetchDirectoryReply page, OperationContext operation)
    {
        byte[] after = [];
        for (int pages = 1; ; pages++)
        {
            if (!arriving.TryAdd(page.Entries))
                return TooMuch(fid, arriving);
            if (!page.HasMore)
                return page.Status.DataVersion;
            if (page.Entries.Count == 0 || page.Entries[^1].Name.AsSpan().SequenceCompareTo(after) <= 0)
                return Refused(fid, "a page of names follows that leads no further"); // It might never end.
            after = page.Entries[^1].Name;
            Result<FetchDirectoryReply> next = await AskAsync(fid, DataVersion.None, after, pages < PagesWithStatus, operation);
            if (!next.IsSuccess)
                return next.Failure;
            page = next.Value;
        }
    }

    private async Task<Result<FetchDirectoryReply>> AskAsync(Fid fid, DataVersion have, byte[]? after, bool withStatus, OperationContext operation)
    {
        var request = new FetchDirectoryRequest
        {
            Directory = fid,
            Have = have,
            After = after,
            MostEntries = Limits.EntriesPerPage,
            WithStatus = withStatus,
        };
        CallMark mark = statuses.Mark();
        Result<FetchDirectoryReply> reply = await calls.ReadAsync((vice, context) => vice.FetchDirectoryAsync(request, context), operation);
        if (!reply.IsSuccess)
        {
            if (reply.Failure == AbortCodes.NoVnode)
                statuses.Remove(fid);
            return reply;
        }
        if (!NameRules.AreValid(reply.Value, fid))
            return Refused(fid, "the reply has names or fids that can't be");
        foreach (DirectoryEntry entry in reply.Value.Entries)
        {
            if (entry.Status is { } status)
                statuses.Grant(status, mark);
        }
        statuses.Grant(reply.Value.Status, mark);
        return reply;
    }

    private Failure TooMuch(Fid fid, ListingRoom.ArrivingListing arriving) =>
        Refused(fid, $"after {arriving.Names.Count} names more follow than there is room for");

    /// <summary>The directory is unreadable, and it is said whose fault that is.</summary>
    private Failure Refused(Fid fid, string reason)
    {
        if (warnings.MayTell(server, nameof(LogRefused), out string more))
            LogRefused(log, server, fid, reason, more);
        return FailureKind.ServerMisbehaved;
    }

    [LoggerMessage(EventId = 205, Level = LogLevel.Error, Message = "What {Server} says of directory {Fid} is not believed: {Reason}{More}")]
    private static partial void LogRefused(ILogger log, string server, Fid fid, string reason, string more);
}

/// <summary>
/// Memory for the names of directories that arrive page by page. Whether a server ever ends is for it to say; how much it may bring is said here, for each
/// listing and for all that run. A listing takes what has come of it, and nothing ahead. Safe for concurrent use.
/// </summary>
internal sealed class ListingRoom(long mostBytesOfOne, long mostBytesTogether)
{
    private long _usedBytes;

    /// <summary>Names and what each takes beside them, of one directory.</summary>
    public long MostBytesOfOne => mostBytesOfOne;

    public ArrivingListing Begin() => new(this);

    private bool TryTake(long bytes)
    {
        if (Interlocked.Add(ref _usedBytes, bytes) <= mostBytesTogether)
            return true;
        Interlocked.Add(ref _usedBytes, -bytes);
        return false;
    }

    /// <summary>One listing on its way, and what it holds of the room until it is disposed.</summary>
    internal sealed class ArrivingListing(ListingRoom room) : IDisposable
    {
        private long _takenBytes;

        public NameTable Names { get; } = new();

        /// <summary>False: that is more than may arrive.</summary>
        public bool TryAdd(IReadOnlyList<DirectoryEntry> entries)
        {
            if (!TryTake(entries.Sum(static entry => NameTable.BytesOf(entry.Name))))
                return false;
            foreach (DirectoryEntry entry in entries)
                Names.Set(entry.Name, entry.Fid, entry.Type);
            return true;
        }

        /// <inheritdoc cref="TryAdd"/>
        public bool TryApply(IReadOnlyList<DirectoryChange> changes)
        {
            if (!TryTake(NameTable.BytesAddedBy(changes)))
                return false;
            Names.Apply(changes);
            return true;
        }

        private bool TryTake(long bytes)
        {
            if (_takenBytes + bytes > room.MostBytesOfOne || !room.TryTake(bytes))
                return false;
            _takenBytes += bytes;
            return true;
        }

        public void Dispose()
        {
            Interlocked.Add(ref room._usedBytes, -_takenBytes);
            _takenBytes = 0;
        }
    }
}
