using System.Text;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>Lists what lies below a path, with statuses: many in a call. What the asker may not enter is left out.</summary>
internal sealed class TreeWalk(Statuses statuses, DirectoryCache directories)
{
    /// <summary>Rounds for a directory that is changed each time before it can be read.</summary>
    private const int MostRounds = 16;

    /// <summary>The top itself first. Each fid once.</summary>
    /// <param name="mayEnter">Which directories are entered.</param>
    /// <param name="most">More than this is <see cref="FailureKind.CacheFull"/>.</param>
    public async ValueTask<Result<List<TreeEntry>>> ListAsync(
        string path, FetchStatus top, Func<FetchStatus, bool> mayEnter, int most, CancellationToken cancellation)
    {
        var all = new List<TreeEntry> { new(path, top) };
        var seen = new HashSet<Fid> { top.Fid };
        for (int at = 0; at < all.Count; at++)
        {
            (string folder, FetchStatus directory) = all[at];
            if (directory.Type != FileType.Directory || !mayEnter(directory))
                continue;
            Result<DirectoryListing> listing = await ListAsync(directory.Fid, cancellation);
            if (!listing.IsSuccess)
                return listing.Failure;
            Failure failure = await statuses.PrefetchAsync([.. listing.Value.Names.Select(static name => name.Fid)], cancellation);
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
    public async ValueTask<Result<DirectoryListing>> ListAsync(Fid directory, CancellationToken cancellation)
    {
        for (int round = 0; round < MostRounds; round++)
        {
            if (directories.TryGetListing(directory, out DirectoryListing listing))
                return listing;
            Failure failure = await directories.LoadAsync(directory, cancellation);
            if (!failure.IsNone)
                return failure;
        }
        return FailureKind.Unreachable;
    }

    public static string Join(string folder, byte[] name) =>
        folder.Length == 0 ? Encoding.UTF8.GetString(name) : $"{folder}/{Encoding.UTF8.GetString(name)}";
}
