using Afs.Rpc;
using Afs.Vice.Callbacks;
using Afs.Vice.Volumes.Directories;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Vice.Service;

/// <summary>Directories: pages of entries, with their statuses where asked for, or what changed since a version.</summary>
internal sealed class DirectoryReads(IMetadataStore metadata, Promises promises, DirectoryLog log)
{
    /// <summary>A page ends once it has so many bytes, so that a reply stays a small control message.</summary>
    private const int PageBytes = 512 * 1024;

    private const int EntryOverheadBytes = 40;
    private const int StatusBytes = 160;

    public Outcome<FetchDirectoryReply> Fetch(ClientSession session, FetchDirectoryRequest request)
    {
        promises.Grant(session, request.Directory);
        FetchStatus status;
        List<EntryRecord> entries;
        bool hasMore;
        using (IMetadataView view = metadata.OpenView())
        {
            if (StatusReads.Find(view, request.Directory) is not { } found)
                return StatusReads.Missing(view, session, promises, request.Directory);
            status = found;
            if (status.Type != FileType.Directory)
                return AbortCodes.NotADirectory;
            if (Delta(request, status) is { } delta)
                return delta;
            entries = [.. view.ReadEntries(request.Directory.Volume, request.Directory.Vnode, request.After, request.MostEntries + 1)];
            hasMore = Trim(entries, request);
        }
        return new FetchDirectoryReply
        {
            Status = status,
            IsDelta = false,
            HasMore = hasMore,
            Entries = request.WithStatus ? WithStatuses(session, entries) : [.. entries.Select(entry => ToMessage(entry, null))],
            Changes = [],
        };
    }

    private FetchDirectoryReply? Delta(FetchDirectoryRequest request, FetchStatus status)
    {
        if (request.Have == DataVersion.None)
            return null;
        IReadOnlyList<DirectoryChange>? changes = log.Between(request.Directory, request.Have, status.DataVersion, Limits.EntriesPerPage);
        return changes is null ? null : new FetchDirectoryReply { Status = status, IsDelta = true, Entries = [], Changes = changes };
    }

    /// <summary>To the page's bounds. True: there is more.</summary>
    private static bool Trim(List<EntryRecord> entries, FetchDirectoryRequest request)
    {
        int bytes = 0, count = 0;
        while (count < entries.Count && count < request.MostEntries && (count == 0 || bytes < PageBytes))
            bytes += EntryOverheadBytes + entries[count++].Name.Length + (request.WithStatus ? StatusBytes : 0);
        bool hasMore = count < entries.Count;
        entries.RemoveRange(count, entries.Count - count);
        return hasMore;
    }

    /// <summary>
    /// Entries and statuses may be of different moments; a status is right whenever it is read after its promise. Symlinks' targets
    /// beyond what a reply holds are left out, with their statuses.
    /// </summary>
    private DirectoryEntry[] WithStatuses(ClientSession session, List<EntryRecord> entries)
    {
        promises.Grant(session, entries.Select(entry => entry.Target));
        using IMetadataView view = metadata.OpenView();
        var messages = new DirectoryEntry[entries.Count];
        int targetBytes = 0;
        for (int i = 0; i < messages.Length; i++)
        {
            FetchStatus? status = StatusReads.Find(view, entries[i].Target);
            targetBytes += status?.SymlinkTarget?.Length ?? 0;
            messages[i] = ToMessage(entries[i], targetBytes <= PageBytes ? status : null);
        }
        return messages;
    }

    private static DirectoryEntry ToMessage(EntryRecord entry, FetchStatus? status) => new()
    {
        Name = entry.Name,
        Fid = entry.Target,
        Type = entry.Type,
        Status = status,
    };
}
