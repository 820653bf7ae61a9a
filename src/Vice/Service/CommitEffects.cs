using Afs.Rpc;
using Afs.Vice.Callbacks;
using Afs.Vice.Volumes.Commit;
using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Directories;
using Afs.Vice.Volumes.Mutations;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Vice.Service;

/// <summary>What follows from a commit: promises, breaks, the log of directories, contents that go, uploads that are used up.</summary>
internal sealed partial class CommitEffects(
    SessionTable sessions, Promises promises, DirectoryLog directories, ContentLog contents, Uploads uploads, RetiredContents retired, ServiceFigures figures, ILogger log)
    : ICommitEffects
{
    public void Promise(SessionId session, IReadOnlyList<Fid> fids)
    {
        // One whose lease ended while the mutation waited believes no promise of this reply: its lease counts from before it sent the call.
        if (sessions.TryGet(session, out ClientSession? client) && !client.IsLapsed)
            promises.Grant(client, fids);
    }

    public Task Committed(SessionId session, ChangeSet changes)
    {
        directories.Append(changes.Names);
        if (changes.ContentChange is { } content)
            contents.Append(content.Fid, content.Change);
        if (changes.TakenUpload is { } upload)
            uploads.Table.Finish(upload);
        retired.Add(changes.Retired);
        if (changes.Unseen is { } unseen)
        {
            figures.CountUnseen();
            LogUnseen(log, unseen.Fid, unseen.Replaced.Value, unseen.Loser, unseen.Winner, unseen.Base.Value);
        }
        sessions.TryGet(session, out ClientSession? writer);
        return promises.Break(changes.Vnodes, writer);
    }

    public Task Settled(SessionId session)
    {
        sessions.TryGet(session, out ClientSession? writer);
        return promises.Settled(writer);
    }

    public void Abandoned(ChangeSet changes)
    {
        if (changes.TakenUpload is { } upload)
            uploads.Table.GiveBack(upload);
    }

    [LoggerMessage(EventId = 3001, Level = LogLevel.Warning, Message =
        "Lost update on {Fid}: version {Version} by client {Loser} was replaced by client {Winner}, whose changes started from version {Base}. The replaced version is kept")]
    private static partial void LogUnseen(ILogger log, Fid fid, ulong version, ClientId loser, ClientId winner, ulong @base);
}
