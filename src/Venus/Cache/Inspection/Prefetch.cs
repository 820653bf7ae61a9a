using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// Brings files into the cache, some at a time, and knows how far it is. One object for each run; <see cref="Read"/> may be called
/// from any thread meanwhile.
/// </summary>
internal sealed class Prefetch(IReadOnlyList<TreeEntry> files, CacheInspection inspection, IContentCache contents, CacheFigures figures)
{
    private const int AtOnce = 8;

    private readonly List<TreeEntry> _missing = [.. files.Where(file => !IsCached(file, inspection))];
    private long _arrivedBefore;
    private long _doneBytes, _underWayBytes;
    private int _doneFiles;

    /// <summary>What must come, and needs room.</summary>
    public long MissingBytes => _missing.Sum(static file => file.Status.LengthBytes);

    /// <summary>The first that failed, and why; the others that were under way are cached all the same.</summary>
    public async Task<(TreeEntry? Entry, Failure Failure)> RunAsync(CancellationToken cancellation)
    {
        (TreeEntry?, Failure) first = default;
        Interlocked.Exchange(ref _arrivedBefore, figures.BytesArrived.Value);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        int next = -1;
        var ended = new Lock();
        // Not Parallel.ForEachAsync, which goes on with thread pool threads, whatever context it was called in.
        await Task.WhenAll(Enumerable.Range(0, AtOnce).Select(_ => FetchSomeAsync()));
        return first.Item1 is null && cancellation.IsCancellationRequested ? (null, FailureKind.Interrupted) : first;

        async Task FetchSomeAsync()
        {
            while (!stop.IsCancellationRequested && Interlocked.Increment(ref next) is int mine && mine < _missing.Count)
            {
                Failure failure = await FetchAsync(_missing[mine], stop.Token);
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
        long done = Interlocked.Read(ref _doneBytes), arrived = figures.BytesArrived.Value - Interlocked.Read(ref _arrivedBefore);
        long fetched = Math.Clamp(arrived, done, done + Math.Max(0, Interlocked.Read(ref _underWayBytes)));
        return (files.Count - _missing.Count + Volatile.Read(ref _doneFiles), files.Count, cachedBytes + fetched, bytes);
    }

    private async Task<Failure> FetchAsync(TreeEntry file, CancellationToken cancellation)
    {
        Interlocked.Add(ref _underWayBytes, file.Status.LengthBytes);
        Failure failure = await contents.FetchAsync(file.Status.Fid, cancellation);
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
