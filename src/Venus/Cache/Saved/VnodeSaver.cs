using Afs.Platform;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Cache;

/// <summary>
/// Saves statuses and directories' names for the next start, some seconds after they changed, so that a restart costs some calls that validate
/// thousands each, instead of one for each file. What was not saved when the daemon died costs a call when it is used.
/// One call at a time: Housekeeping's, or the start's, or the end's.
/// </summary>
internal sealed partial class VnodeSaver(ISavedVnodes? store, VnodeTable vnodes, DirectoryCache directories, ILogger log)
{
    /// <summary>Rows of one transaction.</summary>
    private const int MostPerSave = 4096;

    /// <summary>Of this volume from here on. What an earlier daemon saved of it is brought back, suspect. The value: how many statuses.</summary>
    public int Restore(VolumeIdentity identity)
    {
        int count = 0;
        Guard(saved =>
        {
            saved.Begin(identity);
            saved.Read(
                status =>
                {
                    vnodes.Restore(status);
                    count++;
                },
                directories.Restore);
        });
        LogRestored(count, directories.Count);
        return count;
    }

    /// <summary>The cache was emptied, for another volume or incarnation.</summary>
    public void Forget(VolumeIdentity identity) => Guard(saved => saved.Begin(identity));

    /// <summary>What changed. A directory that is changing waits until it has come to rest, for its names are written as one.</summary>
    public async Task SaveAsync(bool isLast, CancellationToken cancellation)
    {
        bool isMore = store is not null;
        while (isMore && !cancellation.IsCancellationRequested)
        {
            var changes = new SavedChanges();
            isMore = vnodes.TakeUnsaved(changes, MostPerSave);
            if (!isMore)
                directories.TakeUnsaved(changes, isLast);
            if (changes.Count > 0)
                Guard(saved => saved.Save(changes));
            await Task.Yield();
        }
    }

    public void Close() => store?.Dispose();

    /// <summary>What could not be saved is asked of the server after the next start.</summary>
    private void Guard(Action<ISavedVnodes> work)
    {
        if (store is null)
            return;
        try
        {
            work(store);
        }
        catch (DiskException e)
        {
            LogNotSaved(e.Message);
        }
    }

    [LoggerMessage(EventId = 321, Level = LogLevel.Information, Message = "{Statuses} statuses and {Directories} directories of the last daemon are to be validated")]
    private partial void LogRestored(int statuses, int directories);

    [LoggerMessage(EventId = 322, Level = LogLevel.Warning, Message = "Statuses could not be saved for the next start: {Reason}")]
    private partial void LogNotSaved(string reason);
}
