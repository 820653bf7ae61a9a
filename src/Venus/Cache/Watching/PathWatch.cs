using System.Threading.Channels;
using Afs.Venus.Callbacks;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// Tells what other clients change in one path. A break only wakes it: what changed is found by comparing what was known when the break
/// came, which includes this client's own changes, with what the server says afterwards. So a promise that was dropped without a change tells nothing,
/// and after a time without contact all that changed meanwhile is told.
/// Breaks wait in a bounded queue while the reader of <see cref="RunAsync"/> is slow; what didn't fit is counted and told.
/// </summary>
internal sealed class PathWatch : IDisposable
{
    private const int MostWaiting = 1024;

    /// <summary>How often it looks for what this client itself created, and for the server after contact was lost.</summary>
    private static readonly TimeSpan Beat = TimeSpan.FromSeconds(1);

    private readonly WatchedSet _set;
    private readonly Statuses _statuses;
    private readonly DirectoryCache _directories;
    private readonly BreakFeed _feed;
    private readonly TimeProvider _time;
    private readonly Action _ended;
    private readonly ChangeFinder _finder;
    private readonly Channel<WatchHint> _hints = Channel.CreateBounded<WatchHint>(new BoundedChannelOptions(MostWaiting) { SingleReader = true });
    private Task? _hinted;
    private long _missed;
    private int _isDisposed;

    public PathWatch(WatchedSet set, Statuses statuses, TreeWalk trees, DirectoryCache directories, BreakFeed feed, TimeProvider time, Action ended)
    {
        (_set, _statuses, _directories, _feed, _time, _ended) = (set, statuses, directories, feed, time, ended);
        _finder = new ChangeFinder(set, statuses, trees, directories);
        _feed.Broken += OnBroken;
        _feed.Lost += OnLost;
    }

    /// <summary>Takes up the path. To be called once, before <see cref="RunAsync"/>.</summary>
    public async ValueTask<Failure> BeginAsync(OperationContext operation) => (await _set.RefreshAsync(operation)).Failure;

    /// <summary>Changes as they come, until cancelled.</summary>
    public async IAsyncEnumerable<WatchedChange> RunAsync(OperationContext operation)
    {
        yield return new WatchedChange(WatchedKind.Watching, Count: _set.Count);
        bool isInTouch = true;
        while (!operation.IsInterrupted)
        {
            await WaitAsync(operation);
            while (_hints.Reader.TryRead(out WatchHint? hint))
            {
                if (hint is BreakHint broken)
                {
                    foreach (WatchedChange change in await _finder.FindAsync(broken, operation))
                        yield return change;
                }
                else if (hint is LostHint lost && isInTouch)
                {
                    isInTouch = false;
                    yield return new WatchedChange(WatchedKind.OutOfTouch, Reason: Describe(lost.Reason));
                }
            }
            if (Interlocked.Exchange(ref _missed, 0) is > 0 and long missed)
                yield return new WatchedChange(WatchedKind.Missed, Count: missed);
            if (isInTouch)
                _set.NoteKnown();
            Result<List<(TreeEntry Before, FetchStatus After)>> refreshed = await _set.RefreshAsync(operation);
            if (isInTouch || !refreshed.IsSuccess)
                continue;
            isInTouch = true;
            yield return new WatchedChange(WatchedKind.InTouch);
            foreach ((TreeEntry before, FetchStatus after) in refreshed.Value)
                yield return ChangeFinder.Compare(before.Path, before.Status, after)!;
        }
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0)
            return;
        _feed.Broken -= OnBroken;
        _feed.Lost -= OnLost;
        _set.Clear();
        _ended();
    }

    private async Task WaitAsync(OperationContext operation)
    {
        _hinted ??= HintedAsync(operation);
        try
        {
            await _hinted.WaitAsync(Beat, _time, operation);
            _hinted = null;
        }
        catch (TimeoutException)
        {
            // The beat, which doesn't end the wait.
        }
    }

    /// <summary>Awaited here, and not made a task as it is, so that it continues where it was called.</summary>
    private async Task HintedAsync(OperationContext operation) => await _hints.Reader.WaitToReadAsync(operation);

    private void OnBroken(IReadOnlyList<PromiseBreak> breaks)
    {
        foreach (PromiseBreak broken in breaks)
        {
            if (_set.Contains(broken.Fid) && !_hints.Writer.TryWrite(Note(broken)))
                Interlocked.Increment(ref _missed);
        }
    }

    private void OnLost(SuspectReason reason)
    {
        _set.NoteKnown();
        if (!_hints.Writer.TryWrite(new LostHint(reason)))
            Interlocked.Increment(ref _missed);
    }

    private BreakHint Note(PromiseBreak broken)
    {
        _statuses.TryGetSuspect(broken.Fid, out FetchStatus? before);
        List<NameBefore>? names = broken.Names is null ? null : [];
        foreach (ChangedName name in broken.Names ?? [])
            names!.Add(new NameBefore(name.Name, _directories.TryPeek(broken.Fid, name.Name, out Fid child), child));
        return new BreakHint(broken.Fid, before, names);
    }

    private static string Describe(SuspectReason reason) => reason switch
    {
        SuspectReason.LeaseEnded => "the lease ended: the server was not heard of in time",
        SuspectReason.ServerRestarted => "the server was started again",
        SuspectReason.ServerReset => "the server dropped all promises of this client",
        SuspectReason.NewSession => "the server began a new session for this client",
        _ => "the volume as a whole was changed",
    };
}

/// <summary>Finds what a break was for, and makes what it concerns promised again, so that the next change is told too.</summary>
internal sealed class ChangeFinder(WatchedSet set, Statuses statuses, TreeWalk trees, DirectoryCache directories)
{
    /// <summary>Nothing where the server can't be asked: then all is compared when it answers again.</summary>
    public async ValueTask<IReadOnlyList<WatchedChange>> FindAsync(BreakHint hint, OperationContext operation)
    {
        if (set.PathOf(hint.Fid) is not { } path)
            return [];
        Result<FetchStatus> after = await statuses.GetAsync(hint.Fid, operation);
        if (!after.IsSuccess)
            return after.Failure == AbortCodes.NoVnode ? Gone(hint.Fid, path) : [];
        set.Set(new TreeEntry(path, after.Value));
        if (hint.Names is not null && after.Value.Type == FileType.Directory)
            return await FindNamesAsync(path, after.Value, hint.Names, operation);
        return hint.Before is not null && Compare(path, hint.Before, after.Value) is { } change ? [change] : [];
    }

    /// <summary>Null: nothing changed.</summary>
    public static WatchedChange? Compare(string path, FetchStatus before, FetchStatus after)
    {
        if (before.StatusVersion == after.StatusVersion)
            return null;
        bool isStored = before.DataVersion != after.DataVersion && after.Type == FileType.Regular;
        return new WatchedChange(isStored ? WatchedKind.Stored : WatchedKind.Changed, path, Status: after);
    }

    /// <summary>What is below a directory is told by the directory's own break; the top has none above it.</summary>
    private IReadOnlyList<WatchedChange> Gone(Fid fid, string path)
    {
        bool isTop = fid == set.Top;
        set.Remove(fid);
        return isTop ? [new WatchedChange(WatchedKind.Removed, path)] : [];
    }

    private async ValueTask<IReadOnlyList<WatchedChange>> FindNamesAsync(
        string path, FetchStatus directory, IReadOnlyList<NameBefore> names, OperationContext operation)
    {
        Result<DirectoryListing> listing = await trees.ListAsync(directory.Fid, operation);
        if (!listing.IsSuccess)
            return [];
        var gone = new Dictionary<Fid, NameBefore>();
        var changes = new List<WatchedChange>();
        List<(NameBefore Before, Fid After)> come = [];
        foreach (NameBefore before in names)
        {
            bool isThere = directories.TryPeek(directory.Fid, before.Name, out Fid after) == LookupAnswer.Found;
            if (isThere && (before.Answer != LookupAnswer.Found || before.Fid != after))
                come.Add((before, after));
            else if (!isThere && before.Answer == LookupAnswer.Found)
                gone[before.Fid] = before;
        }
        foreach ((NameBefore before, Fid after) in come)
            changes.Add(await ComeAsync(path, before, after, gone, operation));
        foreach (NameBefore before in gone.Values)
        {
            set.Remove(before.Fid);
            changes.Add(new WatchedChange(WatchedKind.Removed, TreeWalk.Join(path, before.Name)));
        }
        return changes;
    }

    private async ValueTask<WatchedChange> ComeAsync(
        string path, NameBefore before, Fid after, Dictionary<Fid, NameBefore> gone, OperationContext operation)
    {
        string name = TreeWalk.Join(path, before.Name);
        Result<FetchStatus> status = await statuses.GetAsync(after, operation);
        if (status.IsSuccess)
            set.Set(new TreeEntry(name, status.Value));
        FetchStatus? known = status.IsSuccess ? status.Value : null;
        if (gone.Remove(after, out NameBefore old))
            return new WatchedChange(WatchedKind.Renamed, name, TreeWalk.Join(path, old.Name), known);
        return new WatchedChange(before.Answer == LookupAnswer.Found ? WatchedKind.Replaced : WatchedKind.Created, name, Status: known);
    }
}
