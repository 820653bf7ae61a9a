using System.Collections.Concurrent;
using Afs.Wire;

namespace Afs.Venus.Cache;

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
    public async ValueTask<Result<List<(TreeEntry Before, FetchStatus After)>>> RefreshAsync(CancellationToken cancellation)
    {
        Result<FetchStatus> top = await inspection.FindAsync(path, asker, cancellation);
        if (!top.IsSuccess)
            return top.Failure;
        if (top.Value.Type == FileType.Directory && !asker.MayRead(top.Value))
            return (Failure)AbortCodes.NotPermitted;
        Top = top.Value.Fid;
        Result<List<TreeEntry>> listed = await trees.ListAsync(path, top.Value, MayEnter, Most, cancellation);
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

    private bool MayEnter(FetchStatus directory) =>
        (isRecursive || directory.Fid == Top) && asker.MayRead(directory) && asker.MaySearch(directory);

    private void DropAllBut(HashSet<Fid> kept)
    {
        foreach (Fid fid in _entries.Keys)
        {
            if (!kept.Contains(fid))
                Remove(fid);
        }
    }
}
