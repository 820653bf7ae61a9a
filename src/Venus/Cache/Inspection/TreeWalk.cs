using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>Something in the mount, and its path from the mount point.</summary>
internal sealed record TreeEntry(string Path, FetchStatus Status);

/// <summary>Walks paths for commands, as the kernel does for programs: name by name, with the asker's rights, and following no link.</summary>
internal sealed class PathWalker(Fid root, Statuses statuses, DirectoryCache directories, RequesterRights rights)
{
    /// <summary>Rounds for a name whose vnode is replaced each time before it is asked about.</summary>
    private const int MostRounds = 16;

    /// <summary>The status of what a path stands for.</summary>
    /// <param name="path">From the mount point; empty for the mount point itself.</param>
    /// <returns>Abort NameNotFound, NotADirectory, NotPermitted or BadName; or the server's failure.</returns>
    public async ValueTask<Result<FetchStatus>> WalkAsync(string path, Requester asker, OperationContext operation)
    {
        Result<FetchStatus> found = await statuses.GetAsync(root, operation);
        if (path.Length == 0)
            return found;
        foreach (string name in path.Split('/'))
        {
            if (!found.IsSuccess)
                return found;
            if (found.Value.Type != FileType.Directory)
                return (Failure)AbortCodes.NotADirectory;
            if (!await rights.MaySearchAsync(asker, found.Value, operation))
                return (Failure)AbortCodes.NotPermitted;
            byte[] bytes = ByteText.ToBytes(name);
            if (name is "" or "." or ".." || name.Contains('\0') || bytes.Length > Limits.NameBytes)
                return (Failure)AbortCodes.BadName;
            found = await StepAsync(found.Value.Fid, bytes, operation);
        }
        return found;
    }

    private async ValueTask<Result<FetchStatus>> StepAsync(Fid directory, byte[] name, OperationContext operation)
    {
        for (int round = 0; round < MostRounds; round++)
        {
            Failure load = await directories.LoadAsync(directory, operation);
            if (!load.IsNone)
                return load;
            LookupAnswer answer = directories.TryLookup(directory, name, out Fid child, out _);
            if (answer == LookupAnswer.Absent)
                return (Failure)AbortCodes.NameNotFound;
            if (answer == LookupAnswer.Unknown)
                continue;
            Result<FetchStatus> status = await statuses.GetAsync(child, operation);
            if (status.IsSuccess || status.Failure != AbortCodes.NoVnode)
                return status;
            // Its name was removed or replaced by another client; the break is on its way.
        }
        return (Failure)AbortCodes.NameNotFound;
    }
}

/// <summary>Lists what lies below a path, with statuses: many in a call. What the asker may not enter is left out.</summary>
internal sealed class TreeWalk(Statuses statuses, DirectoryCache directories)
{
    /// <summary>Rounds for a directory that is changed each time before it can be read.</summary>
    private const int MostRounds = 16;

    /// <summary>The top itself first. Each fid once.</summary>
    /// <param name="mayEnter">Which directories are entered.</param>
    /// <param name="most">More than this is <see cref="FailureKind.CacheFull"/>.</param>
    public async ValueTask<Result<List<TreeEntry>>> ListAsync(
        string path, FetchStatus top, Func<FetchStatus, ValueTask<bool>> mayEnter, int most, OperationContext operation)
    {
        var all = new List<TreeEntry> { new(path, top) };
        var seen = new HashSet<Fid> { top.Fid };
        for (int at = 0; at < all.Count; at++)
        {
            (string folder, FetchStatus directory) = all[at];
            if (directory.Type != FileType.Directory || !await mayEnter(directory))
                continue;
            Result<DirectoryListing> listing = await ListAsync(directory.Fid, operation);
            if (!listing.IsSuccess)
                return listing.Failure;
            Failure failure = await statuses.PrefetchAsync([.. listing.Value.Names.Select(static name => name.Fid)], operation);
            if (!failure.IsNone)
                return failure;
            foreach (ListedName name in listing.Value.Names)
            {
                if (!seen.Add(name.Fid) || !statuses.TryGetSuspect(name.Fid, out FetchStatus status))
                    continue;
                if (all.Count == most)
                    return FailureKind.CacheFull;
                all.Add(new TreeEntry(Join(folder, name.Name), status));
            }
        }
        return all;
    }

    /// <summary>A directory's names, from the server where they aren't cached.</summary>
    public async ValueTask<Result<DirectoryListing>> ListAsync(Fid directory, OperationContext operation)
    {
        for (int round = 0; round < MostRounds; round++)
        {
            if (directories.TryGetListing(directory, out DirectoryListing listing))
                return listing;
            Failure failure = await directories.LoadAsync(directory, operation);
            if (!failure.IsNone)
                return failure;
        }
        return FailureKind.Unreachable;
    }

    public static string Join(string folder, byte[] name) =>
        folder.Length == 0 ? ByteText.Of(name) : $"{folder}/{ByteText.Of(name)}";
}

/// <summary>
/// Brings files into the cache, some at a time, and knows how far it is. One object for each run; <see cref="Read"/> may be called
/// from any thread meanwhile.
/// </summary>
internal sealed class Prefetch(IReadOnlyList<TreeEntry> files, CacheInspection inspection, IContentCache contents, Func<long> bytesArrived)
{
    private const int AtOnce = 8;

    private readonly List<TreeEntry> _missing = [.. files.Where(file => !IsCached(file, inspection))];
    private long _arrivedBefore;
    private long _doneBytes, _underWayBytes;
    private int _doneFiles;

    /// <summary>What must come, and needs room.</summary>
    public long MissingBytes => _missing.Sum(static file => file.Status.LengthBytes);

    /// <summary>The first that failed, and why; the others that were under way are cached all the same.</summary>
    public async Task<(TreeEntry? Entry, Failure Failure)> RunAsync(OperationContext operation)
    {
        (TreeEntry?, Failure) first = default;
        Interlocked.Exchange(ref _arrivedBefore, bytesArrived());
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(operation);
        int next = -1;
        var ended = new Lock();
        // Not Parallel.ForEachAsync, which goes on with thread pool threads, whatever context it was called in.
        await Task.WhenAll(Enumerable.Range(0, AtOnce).Select(_ => FetchSomeAsync()));
        return first.Item1 is null && operation.IsInterrupted ? (null, FailureKind.Interrupted) : first;

        async Task FetchSomeAsync()
        {
            while (!stop.IsCancellationRequested && Interlocked.Increment(ref next) is int mine && mine < _missing.Count)
            {
                Failure failure = await FetchAsync(_missing[mine], operation with { Interrupted = stop.Token });
                if (failure.IsNone)
                    continue;
                lock (ended)
                    first = first.Item1 is null ? (_missing[mine], failure) : first;
                stop.Cancel();
            }
        }
    }

    /// <summary>
    /// Bytes of files that are under way count as they arrive. They are told from what other opens of this mount fetch only by their number: never
    /// more than these files have.
    /// </summary>
    public (int DoneFiles, int Files, long DoneBytes, long Bytes) Read()
    {
        long bytes = files.Sum(static file => file.Status.LengthBytes), cachedBytes = bytes - MissingBytes;
        long done = Interlocked.Read(ref _doneBytes), arrived = bytesArrived() - Interlocked.Read(ref _arrivedBefore);
        long fetched = Math.Clamp(arrived, done, done + Math.Max(0, Interlocked.Read(ref _underWayBytes)));
        return (files.Count - _missing.Count + Volatile.Read(ref _doneFiles), files.Count, cachedBytes + fetched, bytes);
    }

    private async Task<Failure> FetchAsync(TreeEntry file, OperationContext operation)
    {
        Interlocked.Add(ref _underWayBytes, file.Status.LengthBytes);
        Failure failure = await contents.FetchAsync(file.Status.Fid, operation);
        Interlocked.Add(ref _underWayBytes, -file.Status.LengthBytes);
        // One that was removed meanwhile is no failure: there is nothing left to fetch.
        if (!failure.IsNone && failure != AbortCodes.NoVnode)
            return failure;
        Interlocked.Add(ref _doneBytes, file.Status.LengthBytes);
        Interlocked.Increment(ref _doneFiles);
        return Failure.None;
    }

    private static bool IsCached(TreeEntry file, CacheInspection inspection) =>
        inspection.TryGetContent(file.Status.Fid, out CachedContent content)
            && (content.IsDirty || content.IsOpenForWriting || content.Version == file.Status.DataVersion);
}
