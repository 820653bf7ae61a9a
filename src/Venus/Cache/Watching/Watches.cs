using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Afs.Venus.Callbacks;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>Begins watches; at most <see cref="Most"/> at a time, for each holds promises.</summary>
internal sealed class Watches(
    CacheInspection inspection, TreeWalk trees, Statuses statuses, DirectoryCache directories, BreakFeed feed, TimeProvider time)
{
    public const int Most = 16;

    private int _count;

    /// <summary>False: there are too many. Dispose ends it.</summary>
    public bool TryBegin(string path, bool isRecursive, Requester asker, [NotNullWhen(true)] out PathWatch? watch)
    {
        watch = null;
        if (Interlocked.Increment(ref _count) > Most)
        {
            Interlocked.Decrement(ref _count);
            return false;
        }
        var set = new WatchedSet(path, isRecursive, asker, inspection, trees, statuses);
        watch = new PathWatch(set, statuses, trees, directories, feed, time, ended: () => Interlocked.Decrement(ref _count));
        return true;
    }
}

/// <summary>
/// The vnodes of one watch, each with its path and the versions that were last seen of it. All are retained, so that their promises are
/// not given up. Only <see cref="Contains"/> may be called while another method runs.
/// </summary>
internal sealed class WatchedSet(string path, bool isRecursive, Requester asker, CacheInspection inspection, TreeWalk trees, Statuses statuses)
{
    /// <summary>Vnodes that one watch may hold promises on.</summary>
    public const int Most = 16_384;

    private readonly ConcurrentDictionary<Fid, TreeEntry> _entries = new();

    public int Count => _entries.Count;

    /// <summary>What the watch was asked for; set by <see cref="RefreshAsync"/>.</summary>
    public Fid Top { get; private set; }

    public bool Contains(Fid fid) => _entries.ContainsKey(fid);

    public string? PathOf(Fid fid) => _entries.TryGetValue(fid, out TreeEntry? entry) ? entry.Path : null;

    /// <summary>Makes all of it promised, and takes up what is new. The value: what was in the set before and has another version now.</summary>
    public async ValueTask<Result<List<(TreeEntry Before, FetchStatus After)>>> RefreshAsync(OperationContext operation)
    {
        Result<FetchStatus> top = await inspection.FindAsync(path, asker, operation);
        if (!top.IsSuccess)
            return top.Failure;
        if (top.Value.Type == FileType.Directory && !await inspection.Rights.MayReadAsync(asker, top.Value, operation))
            return (Failure)AbortCodes.NotPermitted;
        Top = top.Value.Fid;
        Result<List<TreeEntry>> listed = await trees.ListAsync(path, top.Value, d => MayEnterAsync(d, operation), Most, operation);
        if (!listed.IsSuccess)
            return listed.Failure;
        var changed = new List<(TreeEntry, FetchStatus)>();
        foreach (TreeEntry entry in listed.Value)
        {
            if (_entries.TryGetValue(entry.Status.Fid, out TreeEntry? before) && before.Status.StatusVersion != entry.Status.StatusVersion)
                changed.Add((before, entry.Status));
            Set(entry);
        }
        DropAllBut([.. listed.Value.Select(static entry => entry.Status.Fid)]);
        return changed;
    }

    /// <summary>Takes up one that was created, or the status of one after a change.</summary>
    public void Set(TreeEntry entry)
    {
        if (!_entries.ContainsKey(entry.Status.Fid))
        {
            if (_entries.Count >= Most)
                return;
            statuses.Retain(entry.Status.Fid);
        }
        _entries[entry.Status.Fid] = entry;
    }

    public void Remove(Fid fid)
    {
        if (_entries.TryRemove(fid, out _))
            statuses.Release(fid);
    }

    public void Clear() => DropAllBut([]);

    /// <summary>Notes what is known now, own changes included, whether it is believed or not.</summary>
    public void NoteKnown()
    {
        foreach ((Fid fid, TreeEntry entry) in _entries)
        {
            if (statuses.TryGetSuspect(fid, out FetchStatus known))
                _entries.TryUpdate(fid, entry with { Status = known }, entry);
        }
    }

    private ValueTask<bool> MayEnterAsync(FetchStatus directory, OperationContext operation) =>
        isRecursive || directory.Fid == Top ? inspection.Rights.MayEnterAsync(asker, directory, operation) : new(false);

    private void DropAllBut(HashSet<Fid> kept)
    {
        foreach (Fid fid in _entries.Keys)
        {
            if (!kept.Contains(fid))
                Remove(fid);
        }
    }
}

/// <summary>What a watch found.</summary>
internal enum WatchedKind : byte
{
    Watching,
    Created,
    Removed,
    Renamed,
    Replaced,
    Stored,
    Changed,
    OutOfTouch,
    InTouch,
    Missed,
}

/// <param name="Path">From the mount point.</param>
/// <param name="From">Renamed: the path before.</param>
/// <param name="Status">Afterwards; null where it isn't known.</param>
/// <param name="Count">Watching: vnodes. Missed: changes.</param>
internal sealed record WatchedChange(WatchedKind Kind, string? Path = null, string? From = null, FetchStatus? Status = null, long? Count = null, string? Reason = null);

/// <summary>A promise on something that is watched has gone: what was known of it at that moment.</summary>
/// <param name="Before">Null: nothing.</param>
/// <param name="Names">A directory's names that the server says changed, each with what it stood for.</param>
internal sealed record BreakHint(Fid Fid, FetchStatus? Before, IReadOnlyList<NameBefore>? Names) : WatchHint;

/// <summary>All promises have gone.</summary>
internal sealed record LostHint(SuspectReason Reason) : WatchHint;

internal abstract record WatchHint;

/// <param name="Answer">Unknown: the directory wasn't cached.</param>
internal readonly record struct NameBefore(byte[] Name, LookupAnswer Answer, Fid Fid);

/// <summary>
/// Tells watches of promises that have just gone. What was last known of a vnode can still be read in the caches then, and is not believed any
/// more: whoever asks for it asks the server.
/// Costs nothing while nobody watches. Handlers must not wait.
/// </summary>
internal sealed class BreakFeed
{
    public event Action<IReadOnlyList<PromiseBreak>>? Broken;

    /// <summary>All promises at once.</summary>
    public event Action<SuspectReason>? Lost;

    public void TellBroken(IReadOnlyList<PromiseBreak> breaks) => Broken?.Invoke(breaks);

    public void TellLost(SuspectReason reason) => Lost?.Invoke(reason);
}
