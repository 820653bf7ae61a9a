using Afs.Platform;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Cache;

/// <summary>
/// Containers whose last writer left before they were stored: each is made durable as closed, at once and beside everything else. Until that is done
/// a crash finds it as one that was never closed. Bounded by the containers that there are.
/// </summary>
internal sealed partial class ClosedContainers(ContainerTable table, IBlockingWork work, ILogger log)
{
    private readonly Lock _lock = new();
    private Task _running = Task.CompletedTask;
    private bool _hasEnded;

    /// <summary>Returns at once. Nothing after <see cref="EndAsync"/>: then it is for the next daemon to decide.</summary>
    public void Add(Container container)
    {
        lock (_lock)
        {
            if (_hasEnded)
                return;
        }
        Task mine = MarkAsync(container);
        lock (_lock)
            _running = _running.IsCompleted ? mine : Task.WhenAll(_running, mine);
    }

    /// <summary>Takes no more; completes when all that was added is done.</summary>
    public Task EndAsync()
    {
        lock (_lock)
        {
            _hasEnded = true;
            return _running;
        }
    }

    private async Task MarkAsync(Container container)
    {
        try
        {
            if (!container.TryPin())
                return;
            try
            {
                Task marking = await work.RunAsync(() => container.MarkDirtyAsync().AsTask());
                await marking;
            }
            finally
            {
                table.Unpin(container);
            }
        }
        catch (DiskException e)
        {
            LogNotMarked(container.Fid, e.Message);
        }
    }

    [LoggerMessage(EventId = 232, Level = LogLevel.Error, Message = "{Fid} was closed before it was stored, and that could not be made durable: {Reason}")]
    private partial void LogNotMarked(Afs.Wire.Fid fid, string reason);
}
