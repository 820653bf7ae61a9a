using System.Reflection;
using Afs.Rpc;
using Afs.Vice.Callbacks;
using Afs.Vice.Volumes.Commit;
using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Directories;
using Afs.Wire;

namespace Afs.Vice.Service;

/// <summary>The server's figures, each with its name.</summary>
internal sealed class ServerStatus(
    Epoch epoch, SessionTable sessions, Promises promises, GroupCommitter committer, Uploads uploads, RetiredContents retired,
    DirectoryLog directories, ServiceFigures figures, TimeProvider time)
{
    private static readonly string Version =
        typeof(ServerStatus).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "?";

    private readonly long _started = time.GetTimestamp();

    public Outcome<GetServerStatusReply> Get() => new GetServerStatusReply
    {
        Version = Version,
        Epoch = epoch.Value,
        UptimeMs = (long)time.GetElapsedTime(_started).TotalMilliseconds,
        Figures = [.. Figures().Select(figure => new Figure { Name = figure.Name, Value = figure.Value })],
    };

    private IEnumerable<(string Name, long Value)> Figures()
    {
        IReadOnlyList<ClientSession> all = sessions.All();
        yield return ("sessions", all.Count);
        yield return ("sessions.connected", all.Count(session => session.IsConnected));
        yield return ("sessions.lapsed", all.Count(session => session.IsLapsed));
        yield return ("promises", promises.Count);
        yield return ("breaks.sent", promises.Figures.BreaksSent);
        yield return ("breaks.calls", promises.Figures.BreakCalls);
        yield return ("breaks.evicted", promises.Figures.BreaksEvicted);
        yield return ("resets", promises.Figures.Resets);
        yield return ("reads", figures.Reads);
        yield return ("mutations", figures.Mutations);
        yield return ("stores.unseen", figures.StoresUnseen);
        yield return ("commits", committer.Commits);
        yield return ("commits.work", committer.Committed);
        yield return ("commits.failed", committer.Failures);
        yield return ("storage.failures", figures.StorageFailures);
        yield return ("uploads", uploads.Table.Count);
        yield return ("contents.retired", retired.Count);
        yield return ("directory.changes", directories.Count);
    }
}
