using Afs.Rpc;
using Afs.Vice.Callbacks;
using Afs.Vice.Volumes.Commit;
using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Directories;
using Afs.Vice.Volumes.Metadata;
using Afs.Vice.Volumes.Mutations;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Vice.Service;

/// <summary>What follows from a commit: promises, breaks, the log of directories, contents that go, uploads that are used up.</summary>
internal sealed partial class CommitEffects(
    DirectoryMoves moves, SessionTable sessions, Promises promises, DirectoryLog directories, ContentLog contents, Uploads uploads, RetiredContents retired, SeenReplies seen, ServiceFigures figures, PeerWarnings warnings, ILogger log)
    : ICommitEffects
{
    public IVnodeGuard Guard => promises.Tokens;

    public void Promise(SessionId session, IReadOnlyList<Fid> fids)
    {
        // One whose lease ended while the mutation waited believes no promise of this reply: its lease counts from before it sent the call.
        if (sessions.TryGet(session, out ClientSession? client) && !client.IsLapsed)
            promises.Grant(client, fids);
    }

    public Task Committed(CallId call, ServerChanges changes)
    {
        moves.Publish();
        directories.Append(changes.Names);
        foreach ((Fid fid, ContentChange change) in changes.ContentChanges)
            contents.Append(fid, change);
        foreach (StagedUpload upload in changes.TakenUploads)
            uploads.Table.Finish(upload);
        retired.Add(changes.Retired);
        sessions.TryGet(call.Session, out ClientSession? writer);
        foreach (UnseenReplacement unseen in changes.Unseen)
        {
            figures.CountUnseen();
            if (warnings.MayTell(HostOf(writer), nameof(LogUnseen), out string more))
                LogUnseen(log, unseen.Fid, unseen.Replaced.Value, unseen.Loser, unseen.Winner, unseen.Base.Value, more);
        }
        // Who gave the call up may have asked since what was before it, and was promised that. It says so with that question at the latest.
        bool isWaiting = call.Sequence.Value > seen.Seen(call.Session).Value;
        return promises.Break(changes.Vnodes, isWaiting ? writer : null);
    }

    public Task Settled(SessionId session)
    {
        sessions.TryGet(session, out ClientSession? writer);
        return promises.Settled(writer);
    }

    public void Abandoned(SessionId session, ServerChanges changes)
    {
        promises.Tokens.Withdraw(session, changes.Tokens);
        foreach (StagedUpload upload in changes.TakenUploads)
            uploads.Table.GiveBack(upload);
    }

    /// <summary>A full disk is told to those who fill it, and is in the figures; what is damaged is for the administrator.</summary>
    public void Failed(SessionId session, StorageException failure)
    {
        figures.CountStorageFailure();
        sessions.TryGet(session, out ClientSession? writer);
        if (failure.Failure != StorageFailure.NoSpace && warnings.MayTell(HostOf(writer), nameof(LogFailed), out string more))
            LogFailed(log, failure.Message, more);
    }

    private static string HostOf(ClientSession? session) => session?.Host ?? "a client that has gone";

    [LoggerMessage(EventId = 3002, Level = LogLevel.Error, Message = "A change failed, and its caller was told: {Reason}{More}")]
    private static partial void LogFailed(ILogger log, string reason, string more);

    [LoggerMessage(EventId = 3001, Level = LogLevel.Warning, Message =
        "Lost update on {Fid}: version {Version} by client {Loser} was replaced by client {Winner}, whose changes started from version {Base}. The replaced version is kept{More}")]
    private static partial void LogUnseen(ILogger log, Fid fid, ulong version, ClientId loser, ClientId winner, ulong @base, string more);
}
