using Afs.Venus.Cache;

namespace Afs.Venus.Hosting;

/// <summary>
/// The commands of one mount. What changes something, and what shows names of other people's files, is for its owner and root alone; what is about
/// a path is answered by the rights that the asker has on it.
/// </summary>
internal sealed class MountCommands(MountSettings settings, VenusCache cache, RunningMount mount) : IControlHandler
{
    private readonly PathReports _reports = new(settings, cache);
    private readonly FetchCommand _fetch = new(settings, cache);
    private readonly WatchCommand _watch = new(settings, cache);
    private readonly CacheCommands _sizes = new(settings, cache);

    public async Task AnswerAsync(ControlRequest request, Requester asker, ControlAnswer answer, CancellationToken ending)
    {
        if (Check(request, asker) is { } refusal)
        {
            await answer.SendAsync(refusal);
            return;
        }
        switch (request.Operation)
        {
            case ControlOperations.Fetch:
                await _fetch.RunAsync(request, asker, answer);
                break;
            case ControlOperations.Watch:
                await _watch.RunAsync(request, asker, answer);
                break;
            default:
                await answer.SendAsync(await AnswerOnceAsync(request, asker, ending));
                break;
        }
    }

    private async Task<ControlReply> AnswerOnceAsync(ControlRequest request, Requester asker, CancellationToken ending) => request.Operation switch
    {
        ControlOperations.Status => new ControlReply { Status = mount.Report() },
        ControlOperations.Recovered => new ControlReply { Recovered = RecoveredFiles.List(settings.CacheFolder) },
        ControlOperations.Whereis or ControlOperations.Examine => await _reports.ExamineAsync(request.Paths ?? [""], asker, ending),
        ControlOperations.CheckServers => await ServerCheck.RunAsync(settings, cache.Server, request.TimeoutMs, ending),
        ControlOperations.CacheParameters => new ControlReply { Cache = _sizes.Read() },
        ControlOperations.SetCacheSize => _sizes.Resize(request.Bytes),
        ControlOperations.Discard => await _sizes.DiscardAsync(request, asker, ending),
        ControlOperations.Flush => await mount.StoreAsync(ending),
        ControlOperations.Unmount => await mount.UnmountAsync(request.Force, ending),
        _ => ControlReply.Refuse(ExitCode.Failed, "The daemon doesn't know this command; it is of another version."),
    };

    private static ControlReply? Check(ControlRequest request, Requester asker)
    {
        bool isForOwner = request.Operation is ControlOperations.Recovered or ControlOperations.SetCacheSize or ControlOperations.Discard
            or ControlOperations.Flush or ControlOperations.Unmount;
        if (isForOwner && !asker.IsOwner)
            return ControlReply.Refuse(ExitCode.NoPermission, "Only root and the user who mounted may do this.");
        if (request.Paths is { } paths && (paths.Count > ControlRequest.MostPaths || paths.Any(static p => p is null || p.Length > ControlRequest.MostPathChars)))
            return ControlReply.Refuse(ExitCode.Usage, $"At most {ControlRequest.MostPaths} paths of {ControlRequest.MostPathChars} characters each can be asked about at once.");
        return null;
    }
}
