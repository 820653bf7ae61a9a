using Afs.Platform;

namespace Afs.Vice.Volumes.Content;

/// <summary>
/// Begins to write an upload to the disk while the rest of it comes, so that the fsync at its end finds little left. One step at a time, beside what
/// receives: an upload that is faster than the disk waits for it.
/// </summary>
internal sealed class EarlyWriteback(IDiskFile file, IBlockingWork work)
{
    private const long StepBytes = 8L << 20;

    private Task<bool> _running = Task.FromResult(true);
    private long _begunBytes;

    /// <summary>All up to here is written to the file.</summary>
    /// <exception cref="DiskException">The disk failed.</exception>
    public ValueTask AdvanceAsync(long writtenBytes) => writtenBytes - _begunBytes < StepBytes ? ValueTask.CompletedTask : BeginAsync(writtenBytes);

    /// <summary>Nothing of it runs any more.</summary>
    /// <exception cref="DiskException">The disk failed.</exception>
    public async ValueTask EndAsync() => await _running;

    /// <summary>As <see cref="EndAsync"/>, for an upload that nobody wants any more: how it ends doesn't matter. The file may be closed then.</summary>
    public async ValueTask SettleAsync() => await ((Task)_running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);

    private async ValueTask BeginAsync(long writtenBytes)
    {
        await _running;
        (long from, long count) = (_begunBytes, writtenBytes - _begunBytes);
        _begunBytes = writtenBytes;
        _running = work.RunAsync(() =>
        {
            file.BeginWriteback(from, count);
            return true;
        });
    }
}
