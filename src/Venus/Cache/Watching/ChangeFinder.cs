using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>Finds what a break was for, and makes what it concerns promised again, so that the next change is told too.</summary>
internal sealed class ChangeFinder(WatchedSet set, Statuses statuses, TreeWalk trees, DirectoryCache directories)
{
    /// <summary>Nothing where the server can't be asked: then all is compared when it answers again.</summary>
    public async ValueTask<IReadOnlyList<WatchedChange>> FindAsync(BreakHint hint, CancellationToken cancellation)
    {
        if (set.PathOf(hint.Fid) is not { } path)
            return [];
        Result<FetchStatus> after = await statuses.GetAsync(hint.Fid, cancellation);
        if (!after.IsSuccess)
            return after.Failure == AbortCodes.NoVnode ? Gone(hint.Fid, path) : [];
        set.Set(new TreeEntry(path, after.Value));
        if (hint.Names is not null && after.Value.Type == FileType.Directory)
            return await FindNamesAsync(path, after.Value, hint.Names, cancellation);
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
        string path, FetchStatus directory, IReadOnlyList<NameBefore> names, CancellationToken cancellation)
    {
        Result<DirectoryListing> listing = await trees.ListAsync(directory.Fid, cancellation);
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
            changes.Add(await ComeAsync(path, before, after, gone, cancellation));
        foreach (NameBefore before in gone.Values)
        {
            set.Remove(before.Fid);
            changes.Add(new WatchedChange(WatchedKind.Removed, TreeWalk.Join(path, before.Name)));
        }
        return changes;
    }

    private async ValueTask<WatchedChange> ComeAsync(
        string path, NameBefore before, Fid after, Dictionary<Fid, NameBefore> gone, CancellationToken cancellation)
    {
        string name = TreeWalk.Join(path, before.Name);
        Result<FetchStatus> status = await statuses.GetAsync(after, cancellation);
        if (status.IsSuccess)
            set.Set(new TreeEntry(name, status.Value));
        FetchStatus? known = status.IsSuccess ? status.Value : null;
        if (gone.Remove(after, out NameBefore old))
            return new WatchedChange(WatchedKind.Renamed, name, TreeWalk.Join(path, old.Name), known);
        return new WatchedChange(before.Answer == LookupAnswer.Found ? WatchedKind.Replaced : WatchedKind.Created, name, Status: known);
    }
}
