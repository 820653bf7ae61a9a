using System.Diagnostics.CodeAnalysis;

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
