using Afs.Venus.Cache;

namespace Afs.Venus.Hosting;

/// <summary>Tells what other clients change in a path, until the asker goes.</summary>
internal sealed class WatchCommand(MountSettings settings, VenusCache cache)
{
    public async Task RunAsync(ControlRequest request, Requester asker, ControlAnswer answer)
    {
        if (request.Paths is not [{ } path])
        {
            await answer.SendAsync(ControlReply.Refuse(ExitCode.Usage, "One path can be watched at a time."));
            return;
        }
        CancellationToken gone = answer.WatchForEnd();
        if (!cache.Manager.Watches.TryBegin(path, request.IsRecursive, asker, out PathWatch? begun))
        {
            await answer.SendAsync(ControlReply.Refuse(ExitCode.Busy, $"{Watches.Most} paths are watched already."));
            return;
        }
        using PathWatch watch = begun;
        Failure failure = await watch.BeginAsync(gone);
        if (!failure.IsNone)
        {
            await answer.SendAsync(failure.Kind == FailureKind.CacheFull
                ? ControlReply.Refuse(ExitCode.Failed, $"More than {WatchedSet.Most} files and folders are too many to watch.")
                : FailureText.Refuse(Path.Join(settings.MountPoint, path), failure));
            return;
        }
        try
        {
            await foreach (WatchedChange change in watch.RunAsync(gone))
                await answer.SendAsync(new ControlReply { HasMore = true, Change = Report(change) }, gone);
        }
        catch (OperationCanceledException) when (gone.IsCancellationRequested)
        {
            // The watcher has gone, or the daemon ends.
        }
    }

    private ChangeReport Report(WatchedChange change) => new()
    {
        Time = DateTimeOffset.UtcNow,
        Kind = NameOf(change.Kind),
        Path = Full(change.Path),
        From = Full(change.From),
        Fid = change.Status?.Fid.ToString(),
        Type = change.Status is { } status ? PathReports.NameOf(status.Type) : null,
        DataVersion = change.Status?.DataVersion.Value,
        LengthBytes = change.Status?.LengthBytes,
        Count = change.Count,
        Reason = change.Reason,
    };

    private string? Full(string? path) => path is null ? null : Path.Join(settings.MountPoint, path);

    private static string NameOf(WatchedKind kind) => kind switch
    {
        WatchedKind.Watching => ChangeKinds.Watching,
        WatchedKind.Created => ChangeKinds.Created,
        WatchedKind.Removed => ChangeKinds.Removed,
        WatchedKind.Renamed => ChangeKinds.Renamed,
        WatchedKind.Replaced => ChangeKinds.Replaced,
        WatchedKind.Stored => ChangeKinds.Stored,
        WatchedKind.Changed => ChangeKinds.Changed,
        WatchedKind.OutOfTouch => ChangeKinds.OutOfTouch,
        WatchedKind.InTouch => ChangeKinds.InTouch,
        WatchedKind.Missed => ChangeKinds.Missed,
        _ => throw new InvalidOperationException($"A watch tells no {kind}."),
    };
}
