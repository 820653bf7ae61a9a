using System.Collections.Concurrent;
using System.Diagnostics;
using Afs.Platform;
using Afs.Wire;

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
        if (statuses.TryGet(directory, out FetchStatus status) && _directories.TryGetValue(directory, out CachedDirectory? cached))
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
        return version != DataVersion.None && _directories.TryGetValue(directory, out CachedDirectory? cached) && cached.Version == version;
    }

    public bool TryGetListing(Fid directory, out DirectoryListing listing)
    {
        listing = null!;
        if (!statuses.TryGet(directory, out FetchStatus status) || !_directories.TryGetValue(directory, out CachedDirectory? cached))
            return false;
        cached.Used = true;
        return cached.TryGetListing(status.DataVersion, status.Parent, out listing);
    }

    public async ValueTask<Failure> LoadAsync(Fid directory, CancellationToken cancellation)
    {
        for (int round = 0; round < MostRounds; round++)
        {
            if (TryGetVersion(directory, out _))
                return Failure.None;
            await statuses.SettleAsync(directory, cancellation);
            if (TryGetVersion(directory, out _))
                return Failure.None;
            Failure failure;
            try
            {
                failure = await LoadOnce(directory).ContinueHere().WaitAsync(cancellation);
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                return FailureKind.Interrupted;
            }
            if (!failure.IsNone)
                return failure;
        }
        return FailureKind.Unreachable;
    }

    /// <summary>A change by this client: the directory's status after it, and the names it set or removed.</summary>
    public void ApplyOwn(FetchStatus after, params IReadOnlyList<DirectoryChange> changes)
    {
        if (_directories.TryGetValue(after.Fid, out CachedDirectory? cached))
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
    private Task<Failure> LoadOnce(Fid directory)
    {
        TaskCompletionSource<Failure> load;
        lock (_lock)
        {
            if (_loads.TryGetValue(directory, out Task<Failure>? running))
                return running;
            load = new(TaskCreationOptions.RunContinuationsAsynchronously);
            _loads.Add(directory, load.Task);
        }
        _ = RunAsync(directory, load);
        return load.Task;
    }

    private async Task RunAsync(Fid directory, TaskCompletionSource<Failure> load)
    {
        try
        {
            CachedDirectory cached = _directories.GetOrAdd(directory, static fid => new CachedDirectory(fid));
            cached.Used = true;
            Failure failure = await fetcher.FetchAsync(directory, cached, stopping);
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
