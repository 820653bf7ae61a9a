using Afs.Venus.Callbacks;
using Afs.Venus.Servers;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>Brings a directory up to date: what changed since the cached version, or all of it in pages.</summary>
internal sealed class DirectoryFetcher(ViceCalls calls, Statuses statuses, CacheFigures figures)
{
    /// <summary>How often a listing is begun again because the server no longer knew what changed meanwhile.</summary>
    private const int MostRestarts = 8;

    /// <summary>The statuses of the entries come with so many pages; in a larger directory they are fetched as they are needed.</summary>
    private const int PagesWithStatus = 4;

    /// <summary>The most names that one directory may have.</summary>
    private const int MostNames = 16_000_000;

    /// <summary>One round: afterwards the directory is at a version that was current while this ran.</summary>
    public async Task<Failure> FetchAsync(Fid fid, CachedDirectory directory, CancellationToken cancellation)
    {
        DataVersion have = directory.Version;
        Result<FetchDirectoryReply> reply = await AskAsync(fid, have, after: null, withStatus: have == DataVersion.None, cancellation);
        if (!reply.IsSuccess)
            return reply.Failure;
        if (reply.Value.IsDelta)
        {
            figures.DirectoryDeltas.Add();
            directory.ApplyDelta(have, reply.Value.Status.DataVersion, reply.Value.Changes);
            return Failure.None;
        }
        figures.DirectoryFetches.Add();
        return await FetchWholeAsync(fid, directory, reply.Value, cancellation);
    }

    private async Task<Failure> FetchWholeAsync(Fid fid, CachedDirectory directory, FetchDirectoryReply first, CancellationToken cancellation)
    {
        for (int restart = 0; restart < MostRestarts; restart++)
        {
            var names = new NameTable();
            DataVersion begun = first.Status.DataVersion;
            Result<DataVersion> last = await FetchPagesAsync(fid, names, first, cancellation);
            if (!last.IsSuccess)
                return last.Failure;
            if (last.Value == begun)
            {
                directory.Install(names, begun);
                return Failure.None;
            }
            // Pages of several versions: the changes since the first put it right.
            Result<FetchDirectoryReply> delta = await AskAsync(fid, begun, after: null, withStatus: false, cancellation);
            if (!delta.IsSuccess)
                return delta.Failure;
            if (delta.Value.IsDelta)
            {
                names.Apply(delta.Value.Changes);
                directory.Install(names, delta.Value.Status.DataVersion);
                return Failure.None;
            }
            first = delta.Value;
        }
        return FailureKind.Unreachable;
    }

    /// <summary>Fills the table from all pages; the version of the last.</summary>
    private async Task<Result<DataVersion>> FetchPagesAsync(Fid fid, NameTable names, FetchDirectoryReply page, CancellationToken cancellation)
    {
        byte[] after = [];
        for (int pages = 1; ; pages++)
        {
            foreach (DirectoryEntry entry in page.Entries)
                names.Set(entry.Name, entry.Fid, entry.Type);
            if (!page.HasMore)
                return page.Status.DataVersion;
            if (page.Entries.Count == 0 || page.Entries[^1].Name.AsSpan().SequenceCompareTo(after) <= 0 || names.Count > MostNames)
                return (Failure)AbortCodes.BadArgument; // No correct server; it might never end.
            after = page.Entries[^1].Name;
            Result<FetchDirectoryReply> next = await AskAsync(fid, DataVersion.None, after, pages < PagesWithStatus, cancellation);
            if (!next.IsSuccess)
                return next.Failure;
            page = next.Value;
        }
    }

    private async Task<Result<FetchDirectoryReply>> AskAsync(Fid fid, DataVersion have, byte[]? after, bool withStatus, CancellationToken cancellation)
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
        Result<FetchDirectoryReply> reply = await calls.ReadAsync((vice, context) => vice.FetchDirectoryAsync(request, context), cancellation);
        if (!reply.IsSuccess)
        {
            if (reply.Failure == AbortCodes.NoVnode)
                statuses.Remove(fid);
            return reply;
        }
        if (!NameRules.AreValid(reply.Value, fid))
            return (Failure)AbortCodes.BadArgument;
        foreach (DirectoryEntry entry in reply.Value.Entries)
        {
            if (entry.Status is { } status)
                statuses.Grant(status, mark);
        }
        statuses.Grant(reply.Value.Status, mark);
        return reply;
    }
}
