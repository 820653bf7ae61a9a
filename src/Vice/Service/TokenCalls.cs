using Afs.Rpc;
using Afs.Rules;
using Afs.Vice.Callbacks;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Vice.Service;

/// <summary>
/// Gives write tokens and takes them back. They are given by the writer, so that each change is either in the status that comes with the token, or finds it. Before the reply everybody
/// else has let go of the vnode: until then its holder has changed nothing.
/// </summary>
internal sealed class TokenCalls(Sessions sessions, Promises promises, Writer writer, ServiceFigures figures)
{
    private WriteTokens Tokens => promises.Tokens;

    public async ValueTask<Outcome<AcquireTokensReply>> AcquireAsync(AcquireTokensRequest request, CallContext context)
    {
        AbortCode check = RequestChecks.Check(request);
        if (check != AbortCode.None)
            return check;
        if (await sessions.EnterAsync(context) is not { } session)
            return Outcome<AcquireTokensReply>.NotExecuted;
        bool isClaim = request.IsReclaim && Tokens.IsUnclaimed(session.Id);
        List<Fid> taken = [];
        TokenGrant[]? grants;
        try
        {
            grants = await writer.ChangeAsync(
                (transaction, _) => Take(transaction, session, request.Fids, isClaim, taken), () => Tokens.Withdraw(session.Id, taken));
        }
        catch (StorageException e)
        {
            figures.CountStorageFailure();
            return e.Failure == StorageFailure.NoSpace ? AbortCodes.NoSpace : AbortCodes.ServerDiskFailed;
        }
        if (grants is null)
            return Outcome<AcquireTokensReply>.NotExecuted;
        if (request.IsReclaim && !request.HasMore)
            Tokens.Claimed(session.Id);
        // What was claimed was its alone in the life before, and nobody was promised anything of it in this one. What was held before this call may still be being broken for an earlier one.
        VnodeChange[] granted = [.. Granted(grants).Select(static fid => new VnodeChange(fid, null))];
        if (!isClaim && granted.Length > 0)
            await promises.Break(granted, session);
        return new AcquireTokensReply { Grants = grants };
    }

    public async ValueTask<Outcome<ReturnTokensReply>> ReturnAsync(ReturnTokensRequest request, CallContext context)
    {
        if (await sessions.EnterAsync(context) is not { } session)
            return Outcome<ReturnTokensReply>.NotExecuted;
        session.Shipped();
        Tokens.Return(session.Id, request.Fids);
        return new ReturnTokensReply();
    }

    /// <summary>On the writer's thread. Null: the session has ended.</summary>
    /// <param name="taken">Gets those that weren't held before.</param>
    private TokenGrant[]? Take(IMetadataTransaction transaction, ClientSession session, IReadOnlyList<Fid> fids, bool isClaim, List<Fid> taken)
    {
        taken.Clear();
        if (transaction.FindSession(session.Id) is not { } record)
            return null;
        var grants = new TokenGrant[fids.Count];
        for (int i = 0; i < grants.Length; i++)
            grants[i] = Take(transaction, session, fids[i], isClaim, taken);
        Mark(transaction, record, taken.Count);
        promises.Grant(session, [.. Granted(grants)]);
        return grants;
    }

    private static IEnumerable<Fid> Granted(TokenGrant[] grants) => grants.Select(static grant => grant.Status).OfType<FetchStatus>().Select(static status => status.Fid);

    private TokenGrant Take(IMetadataTransaction transaction, ClientSession session, Fid fid, bool isClaim, List<Fid> taken)
    {
        if (transaction.Find(fid, session.Id) is not { } status)
            return new TokenGrant { Outcome = TokenOutcome.Gone };
        bool isGranted = Tokens.TryTake(session, fid, isClaim, out bool isNew);
        if (isNew)
            taken.Add(fid);
        return isGranted ? new TokenGrant { Outcome = TokenOutcome.Granted, Status = status } : new TokenGrant { Outcome = TokenOutcome.Contended };
    }

    /// <summary>A life after this one waits for a session that may hold tokens: that is durable with the first of them. On the writer's thread.</summary>
    private void Mark(IMetadataTransaction transaction, SessionRecord record, int taken)
    {
        if (taken == 0)
            return;
        Tokens.Mark(record.Id);
        if (!record.HoldsTokens)
            transaction.PutSession(record with { HoldsTokens = true });
    }

    /// <summary>What a batch made is its session's. On the writer's thread. False: none of it is.</summary>
    public bool TryTakeNew(Volumes.Mutations.ServerScope scope, IReadOnlyList<Fid> made)
    {
        if (!sessions.Table.TryGet(scope.Session, out ClientSession? session) || scope.View.FindSession(scope.Session) is not { } record || !Tokens.TryTakeNew(session, made))
            return false;
        scope.Changes.Tokens.AddRange(made);
        Mark(scope.Transaction, record, made.Count);
        return true;
    }

    /// <summary>What a batch of that session touches may be waited for: nobody waits for what the session itself is to return.</summary>
    public bool MayWait(SessionId session) => !Tokens.IsWaitedFor(session);
}
