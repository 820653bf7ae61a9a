using Afs.Rpc;
using Afs.Vice.Callbacks;
using Afs.Vice.Locks;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Vice.Service;

/// <summary>The calls of locks that hold in the cell. Each is answered at once: it waits for the disk where the session isn't marked yet, and for no client.</summary>
internal sealed class LockCalls(Sessions sessions, LockKeeping keeping, IReadOnlyList<VolumeId> volumes, ServiceFigures figures)
{
    private ServerLocks Table => keeping.Table;

    public ValueTask<Outcome<SetLockReply>> SetAsync(SetLockRequest request, CallContext context) => RunAsync(
        context, Check(request), mayHold: !request.IsTest && request.Range.Mode != LockMode.Unlock,
        (session, falls) => Table.Set(session, falls, request) is { } reply ? reply : Outcome<SetLockReply>.NotExecuted);

    public ValueTask<Outcome<WithdrawLockReply>> WithdrawAsync(WithdrawLockRequest request, CallContext context) => RunAsync(
        context, Check(request.Fid, request.Number.Value > 0), mayHold: false,
        (session, falls) => Outcome<WithdrawLockReply>.Reply(new WithdrawLockReply { IsWithdrawn = Table.Withdraw(session, falls, request) }));

    public ValueTask<Outcome<ReturnLocksReply>> ReturnAsync(ReturnLocksRequest request, CallContext context) => RunAsync(
        context, Check(request), mayHold: false,
        (session, falls) =>
        {
            session.Shipped();
            return Table.Return(session, falls, request) ? new ReturnLocksReply() : Outcome<ReturnLocksReply>.Refused(AbortCodes.BadArgument);
        });

    public ValueTask<Outcome<ReclaimLocksReply>> ReclaimAsync(ReclaimLocksRequest request, CallContext context) => RunAsync(
        context, Check(request), mayHold: false,
        (session, falls) =>
        {
            ReclaimLocksReply? reply = Table.Reclaim(session, falls, request, out LockHolder? fallen);
            keeping.BuryLater(fallen);
            return reply is not null ? reply : Outcome<ReclaimLocksReply>.NotExecuted;
        });

    public ValueTask<Outcome<GetLocksReply>> GetAsync(GetLocksRequest request, CallContext context) => RunAsync(
        context, Check(request.Fid, true), mayHold: false,
        (session, _) =>
        {
            IReadOnlyList<ShownLock> all = Table.Show(request.Fid, session, out ILockSession? holder);
            return Outcome<GetLocksReply>.Reply(new GetLocksReply
            {
                TokenClient = holder?.Name,
                Locks = [.. all.Take(Limits.LocksPerCall)],
                MoreCount = Math.Max(0, all.Count - Limits.LocksPerCall),
            });
        });

    /// <param name="mayHold">The session may hold something by it: a life of the server after this one has to know that it waits for this client.</param>
    private async ValueTask<Outcome<TReply>> RunAsync<TReply>(CallContext context, AbortCode check, bool mayHold, Func<ClientSession, int, Outcome<TReply>> run)
    {
        figures.CountRead();
        if (check != AbortCode.None)
            return check;
        if (await sessions.EnterAsync(context) is not { } session)
            return Outcome<TReply>.NotExecuted;
        if (session.IsBackUnrecorded)
            return AbortCodes.NoSpace; // Nothing that it holds could be waited for.
        if (Table.Begin(session) is not { } falls)
            return Outcome<TReply>.NotExecuted;
        try
        {
            if (mayHold && !Table.IsMarked(session.Id) && !await keeping.MarkAsync(session, falls))
                return Outcome<TReply>.NotExecuted;
            return run(session, falls);
        }
        catch (StorageException e)
        {
            figures.CountStorageFailure();
            return e.Failure == StorageFailure.NoSpace ? AbortCodes.NoSpace : AbortCodes.ServerDiskFailed;
        }
        finally
        {
            Table.End(session);
        }
    }

    private AbortCode Check(Fid fid, bool isGood) => !volumes.Contains(fid.Volume) ? AbortCodes.NoVolume : isGood ? AbortCode.None : AbortCodes.BadArgument;

    private AbortCode Check(SetLockRequest r) => Check(
        r.Fid, IsRange(r.Range) && r.Range.Mode <= LockMode.Write && r.Number.Value > 0 && !(r.IsTest && (r.Waits || r.Range.Mode == LockMode.Unlock)));

    private AbortCode Check(ReturnLocksRequest r) => Check(r.Fid, r.Part >= 0 && AreLocks(r.Held, r.Waiting));

    private AbortCode Check(ReclaimLocksRequest r)
    {
        int locks = r.Locks.Sum(static claimed => claimed.Held.Count + claimed.Waiting.Count);
        bool isGood = r.Number.Value is > 0 and < ulong.MaxValue && locks <= Limits.LocksPerCall;
        AbortCode check = isGood ? AbortCode.None : AbortCodes.BadArgument;
        foreach (ClaimedLocks claimed in r.Locks)
            check = check == AbortCode.None ? Check(claimed.Fid, AreLocks(claimed.Held, claimed.Waiting)) : check;
        return check;
    }

    private static bool AreLocks(IReadOnlyList<LockRange> held, IReadOnlyList<WaitingLock> waiting) => held.All(IsLock) && waiting.All(static one => IsLock(one.Range) && one.Number.Value > 0);

    private static bool IsLock(LockRange range) => IsRange(range) && range.Mode is LockMode.Read or LockMode.Write;

    /// <summary>An flock is of the whole file: so it splits none.</summary>
    private static bool IsRange(LockRange range) => range.Start <= range.End && (!range.IsFlock || range.Start == 0 && range.End >= long.MaxValue);
}

/// <summary>
/// Keeps the table of locks in step with sessions and with the disk: durable marks, falls, what clients are told. Who stored under a lock before a fall has stored before the next one gets it: for that the
/// writer is asked for a turn, after which all that it was given before is settled.
/// </summary>
internal sealed partial class LockKeeping
{
    private static readonly TimeSpan RetryPause = TimeSpan.FromSeconds(1);

    private readonly LeaseTerms _terms;
    private readonly Writer _writer;
    private readonly TimeProvider _time;
    private readonly PeerWarnings _warnings;
    private readonly ILogger _log;

    public LockKeeping(long most, Epoch epoch, LeaseTerms terms, Promises promises, Writer writer, TimeProvider time, PeerWarnings warnings, ILogger log)
    {
        (_terms, _writer, _time, _warnings, _log) = (terms, writer, time, warnings, log);
        var delivery = new LockDelivery(terms, time, log);
        // Whoever asked of it is a session of this server.
        Table = new ServerLocks(
            most, epoch, time, (session, recall) => promises.SendRecall((ClientSession)session, recall), session => delivery.Start(Table!, (ClientSession)session));
        promises.Fell = session => BuryLater(Table.Fall(session));
    }

    public ServerLocks Table { get; }

    /// <summary>What follows from time.</summary>
    public async Task SweepAsync(SessionTable sessions)
    {
        foreach (ClientSession session in sessions.All())
        {
            if (session.SinceFirstContact >= _terms.ServerWait)
                Table.GiveUpClaims(session.Id); // It is back, and had time to say what it held.
        }
        foreach (ClientSession session in Table.LateFor(_terms.ReturnPatience).Cast<ClientSession>())
        {
            if (_warnings.MayTell(session.Host, nameof(LogLate), out string more))
                LogLate(_log, session.Client, session.Peer, _terms.ReturnPatience.TotalMilliseconds, more);
            BuryLater(Table.FallLate(session));
        }
        Table.Sweep();
        foreach (SessionId id in Table.MarkedInVain(_terms.ServerWait))
            await UnmarkAsync(id);
    }

    /// <summary>A life after this one waits for a session that may hold locks. False: it has lost its locks meanwhile, or has ended.</summary>
    /// <exception cref="StorageException">That could not be made durable.</exception>
    public async Task<bool> MarkAsync(ClientSession session, int falls)
    {
        bool isThere = await _writer.ChangeAsync((transaction, _) =>
        {
            if (transaction.FindSession(session.Id) is not { } record)
                return false;
            if (!record.HoldsLocks)
                transaction.PutSession(record with { HoldsLocks = true });
            return true;
        });
        return isThere && Table.Mark(session, falls);
    }

    /// <param name="fallen">Null: there is nothing to be done.</param>
    public void BuryLater(LockHolder? fallen)
    {
        if (fallen is not null)
            BackgroundWork.Start("the end of lost locks", () => BuryAsync(fallen));
    }

    private async Task BuryAsync(LockHolder fallen)
    {
        while (true)
        {
            try
            {
                await UnmarkAsync(fallen.Session.Id);
                break;
            }
            catch (StorageException e) when (e.Failure != StorageFailure.Failed)
            {
                break; // It had its turn.
            }
            catch (StorageException)
            {
                await Task.Delay(RetryPause, _time);
            }
            catch (CallUnansweredException)
            {
                return; // The writer has ended, and says why by itself.
            }
        }
        Table.Bury(fallen);
    }

    /// <summary>A turn of the writer, in which the mark of a session goes that holds nothing.</summary>
    private async Task UnmarkAsync(SessionId id)
    {
        bool isUnmarked = false;
        await _writer.ChangeAsync(
            (transaction, _) =>
            {
                isUnmarked = Table.TryUnmark(id);
                if (isUnmarked && transaction.FindSession(id) is { HoldsLocks: true } record)
                    transaction.PutSession(record with { HoldsLocks = false });
                return true;
            },
            () =>
            {
                if (isUnmarked)
                    Table.Unmarked(id, isCommitted: false);
            });
        if (isUnmarked)
            Table.Unmarked(id, isCommitted: true);
    }

    [LoggerMessage(EventId = 3103, Level = LogLevel.Warning, Message = "Client {Client} at {Peer} kept others waiting for locks for {WaitedMs} ms: it has lost all of its own{More}")]
    private static partial void LogLate(ILogger log, ClientId client, string peer, double waitedMs, string more);
}
