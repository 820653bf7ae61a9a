using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Hosting;

/// <summary>Brings files into the cache, and tells meanwhile how far it is. Ends when the asker goes.</summary>
internal sealed class FetchCommand(MountSettings settings, VenusCache cache)
{
    private static readonly TimeSpan ProgressInterval = TimeSpan.FromMilliseconds(200);

    public async Task RunAsync(ControlRequest request, Requester asker, ControlAnswer answer)
    {
        CancellationToken gone = answer.WatchForEnd();
        var files = new List<TreeEntry>();
        foreach (string path in request.Paths ?? [])
        {
            (List<TreeEntry>? found, ControlReply? refusal) = await ListFilesAsync(path, request.IsRecursive, asker, gone);
            if (refusal is not null)
            {
                await answer.SendAsync(refusal);
                return;
            }
            files.AddRange(found!);
        }
        var prefetch = new Prefetch([.. files.DistinctBy(static file => file.Status.Fid)], cache.Manager.Inspection, cache.Manager.Contents, cache.Manager.Counts);
        await answer.SendAsync(prefetch.MissingBytes > cache.Manager.Room.MostBytes
            ? ControlReply.Refuse(ExitCode.CacheFull, $"{prefetch.MissingBytes} bytes are to be fetched; the cache of {settings.MountPoint} holds {cache.Manager.Room.MostBytes}.")
            : await FetchAsync(prefetch, answer, gone));
    }

    private async Task<ControlReply> FetchAsync(Prefetch prefetch, ControlAnswer answer, CancellationToken gone)
    {
        Task<(TreeEntry? Entry, Failure Failure)> run = prefetch.RunAsync(gone);
        using var timer = new PeriodicTimer(ProgressInterval);
        do
            await answer.SendAsync(new ControlReply { HasMore = true, Progress = Read(prefetch) });
        while (await Task.WhenAny(run, timer.WaitForNextTickAsync(CancellationToken.None).AsTask()) != run);
        (TreeEntry? entry, Failure failure) = await run;
        ControlReply last = failure.IsNone ? new ControlReply() : FailureText.Refuse(Path.Join(settings.MountPoint, entry?.Path), failure);
        return last with { Progress = Read(prefetch) };
    }

    /// <summary>The regular files; what is none has no content to fetch.</summary>
    private async Task<(List<TreeEntry>? Files, ControlReply? Refusal)> ListFilesAsync(
        string path, bool isRecursive, Requester asker, CancellationToken cancellation)
    {
        string full = Path.Join(settings.MountPoint, path);
        Result<List<TreeEntry>> found = await cache.Manager.Inspection.ListAsync(path, isRecursive, settings.CacheFiles, asker, cancellation);
        if (!found.IsSuccess)
            return (null, FailureText.Refuse(full, found.Failure));
        FetchStatus top = found.Value[0].Status;
        if (top.Type == FileType.Directory && !isRecursive)
            return (null, ControlReply.Refuse(ExitCode.Usage, $"{full} is a folder; --recursive fetches all that is in it."));
        if (top.Type == FileType.Regular && !asker.MayRead(top))
            return (null, FailureText.Refuse(full, AbortCodes.NotPermitted));
        return ([.. found.Value.Where(entry => entry.Status.Type == FileType.Regular && asker.MayRead(entry.Status))], null);
    }

    private static FetchProgress Read(Prefetch prefetch)
    {
        (int doneFiles, int files, long doneBytes, long bytes) = prefetch.Read();
        return new FetchProgress(doneFiles, files, doneBytes, bytes);
    }
}
