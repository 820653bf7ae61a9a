using Afs.Rpc;
using Afs.Vice.Callbacks;
using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Metadata;
using Afs.Vice.Volumes.Mutations;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Vice.Service;

/// <summary>
/// Clients' sessions: made, kept over restarts, ended. What the Rpc layer asks of the server is answered here: it knows no
/// promise, and the promises know no connection.
/// </summary>
internal sealed partial class Sessions(
    ViceOptions options, Epoch epoch, LeaseTerms terms, SessionTable table, Promises promises, LockKeeping locks, SeenReplies seen,
    Writer writer, SessionEnd sessionEnd, Func<IRpcChannel, IVenusCallbacks> callbacks, PeerWarnings warnings, ILogger log)
    : IServerSessions
{
    /// <summary>Sessions that end in one transaction, for which all others wait.</summary>
    private const int MostEndedAtOnce = 256;

    public Epoch Epoch => epoch;

    public TimeSpan Lease => terms.Lease;

    public SessionTable Table => table;

    /// <summary>Those that an earlier life of the server left. A client of one may still trust what that life promised.</summary>
    public void Load(IReadOnlyList<SessionRecord> sessions)
    {
        foreach (SessionRecord record in sessions)
        {
            ClientSession session = promises.NewSession(record.Id, record.Client, record.HasLapsed, table.Of(record.Client));
            seen.Load(record.Id, record.ForgottenThrough);
            table.Add(session);
            if (record is { HasLapsed: false, HoldsTokens: true })
                promises.Tokens.Await(session.Id);
            if (record is { HasLapsed: false, HoldsLocks: true })
                locks.Table.Await(session.Id);
            if (!record.HasLapsed)
                promises.BreakEverything(session);
        }
        promises.Lapsed = session => BackgroundWork.Start("noting that a lease has lapsed", () => MarkLapsedAsync(session));
    }

    /// <summary>
    /// Makes a session durable. The Hello that asked for it may be a late one, of an attempt to connect that its client gave up long ago. So the
    /// one that the client uses ends with the first call in a later one, and not before; of those without a call the last is kept. Where there are as
    /// many as may be, one ends whose client trusts nothing any more. Null: there is none such.
    /// </summary>
    public async ValueTask<SessionId?> CreateAsync(ClientId client)
    {
        ClientSession? oldest = null;
        IReadOnlyList<ClientSession> earlier = table.Of(client);
        if (table.Count >= options.MostSessions && table.Of(client).All(static session => !session.IsUnused))
        {
            oldest = table.All().Where(static session => session.IsLapsed).MaxBy(static session => session.SinceContact);
            if (oldest is null)
                return null;
        }
        (SessionId? id, List<ClientSession> replaced) = await ChangeAsync<SessionId?>((transaction, end) =>
        {
            // It came back meanwhile, and may have been promised something.
            if (oldest is not null && transaction.FindSession(oldest.Id) is { HasLapsed: false })
                return null;
            // Decided where first calls are: one that is being used is not ended.
            foreach (ClientSession old in table.Of(client).Where(static session => session.IsUnused))
                end(old);
            if (oldest is { HasEnded: false })
                end(oldest);
            ServerRecord server = transaction.ReadServer();
            var made = new SessionId(server.LastSession.Value + 1);
            transaction.PutServer(server with { LastSession = made });
            transaction.PutSession(new SessionRecord(made, client, default, HasLapsed: true));
            return made;
        });
        replaced.ForEach(Ended);
        if (id is not { } made)
            return null;
        seen.Load(made, default);
        ClientSession session = promises.NewSession(made, client, isLapsed: true, earlier);
        session.IsUnused = true;
        table.Add(session);
        return id;
    }

    /// <summary>The session of a call, ready to be promised something. Null: there is none.</summary>
    public async ValueTask<ClientSession?> EnterAsync(CallContext context)
    {
        if (!table.TryGet(context.Id.Session, out ClientSession? session) || session.Client != context.Id.Client)
            return null;
        if (session.IsLapsed && !session.IsBackUnrecorded)
            await ReturnAsync(session);
        return session.HasEnded || session.IsLapsed && !session.IsBackUnrecorded ? null : session;
    }

    public bool Attached(SessionId session, ClientId client, IRpcChannel toClient)
    {
        if (!table.TryGet(session, out ClientSession? known) || known.Client != client || known.HasEnded)
            return false;
        known.Attach(toClient, callbacks(toClient));
        return true;
    }

    public void Detached(SessionId session, IRpcChannel toClient)
    {
        if (table.TryGet(session, out ClientSession? known))
            known.Detach(toClient);
    }

    public bool Contact(SessionId session)
    {
        if (!table.TryGet(session, out ClientSession? known))
            return false;
        known.Contact();
        return true;
    }

    public SessionTrust Trust(SessionId session) => table.TryGet(session, out ClientSession? known) ? known.Trust : default;

    /// <summary>Lets leases of silent clients lapse, and ends sessions that were silent for long, many in one transaction.</summary>
    public async Task SweepAsync()
    {
        List<ClientSession> over = [];
        foreach (ClientSession session in table.All())
        {
            TimeSpan silence = session.SinceContact;
            if (silence >= options.SessionPatience)
                over.Add(session);
            else if (silence >= terms.ServerWait)
                promises.Lapse(session);
            if (session.SinceFirstContact >= terms.ServerWait)
                promises.Tokens.Claimed(session.Id); // It is back, and had time to say what it held.
        }
        promises.SweepTokens();
        foreach (ClientSession[] some in over.Chunk(MostEndedAtOnce))
        {
            foreach (ClientSession ended in await EndAsync(some, options.SessionPatience))
            {
                if (warnings.MayTell(ended.Host, nameof(LogEnded), out string more))
                    LogEnded(log, ended.Client, ended.SinceContact.TotalMinutes, more);
            }
        }
        await RecordReturnsAsync();
        await UnmarkAsync();
        await sessionEnd.SweepAsync();
    }

    /// <summary>
    /// The client says that it leaves: neither a writer nor a restarted server waits for it from here on. False: that could not be made durable,
    /// and its lease runs out instead.
    /// </summary>
    public async ValueTask<bool> LeaveAsync(CallContext context)
    {
        bool isKnown = table.TryGet(context.Id.Session, out ClientSession? session) && session.Client == context.Id.Client;
        return !isKnown || (await EndAsync([session!], TimeSpan.Zero)).Count > 0;
    }

    /// <summary>Those that have ended: not one that was heard meanwhile, and none where that could not be made durable.</summary>
    private async Task<IReadOnlyList<ClientSession>> EndAsync(IReadOnlyList<ClientSession> sessions, TimeSpan afterSilence)
    {
        try
        {
            (_, List<ClientSession> ended) = await ChangeAsync((_, end) =>
            {
                foreach (ClientSession session in sessions.Where(session => session.SinceContact >= afterSilence))
                    end(session);
                return true;
            });
            ended.ForEach(Ended);
            return ended;
        }
        catch (StorageException e)
        {
            TellNotStored(sessions[0], e);
            return [];
        }
    }

    private void Ended(ClientSession session)
    {
        table.Remove(session);
        seen.End(session.Id);
        promises.End(session);
    }

    /// <summary>
    /// A client that is to be promised something: a restarted server waits for it from here on, which is made durable first. Its older sessions
    /// end: their process is gone, or has lost them. On a full disk it comes back without promises, which nothing need be recorded for: it can read, and
    /// remove. False: nothing was recorded.
    /// </summary>
    private async Task<bool> ReturnAsync(ClientSession session)
    {
        try
        {
            (bool isThere, List<ClientSession> replaced) = await ChangeAsync((transaction, end) =>
            {
                if (!session.IsLapsed)
                    return true;
                if (transaction.FindSession(session.Id) is not { } record)
                    return false; // Another Hello of this client ended it before its first call.
                transaction.PutSession(record with { HasLapsed = false, HoldsTokens = false, HoldsLocks = false });
                session.IsUnused = false;
                foreach (ClientSession older in table.Of(session.Client).Where(s => s.Id.Value < session.Id.Value))
                    end(older);
                return true;
            });
            replaced.ForEach(Ended);
            if (isThere)
                session.IsLapsed = false;
            return isThere;
        }
        catch (StorageException e)
        {
            TellNotStored(session, e);
            if (e.Failure == StorageFailure.NoSpace)
                promises.ReturnWithoutPromises(session);
            return false;
        }
    }

    /// <summary>Those that came back while the disk was full are recorded once it isn't.</summary>
    private async Task RecordReturnsAsync()
    {
        foreach (ClientSession session in table.All().Where(session => session.IsBackUnrecorded && session.SinceContact < terms.ServerWait))
        {
            if (!await ReturnAsync(session))
                return;
        }
    }

    /// <summary>A restarted server need not wait for those who have returned all their write tokens. Not done at each return: the next token would have to be recorded again.</summary>
    private async Task UnmarkAsync()
    {
        foreach (SessionId id in promises.Tokens.MarkedInVain())
        {
            if (!table.TryGet(id, out ClientSession? session) || session.SinceShipped < terms.ServerWait)
                continue;
            bool isUnmarked = false;
            try
            {
                await writer.ChangeAsync(
                    (transaction, _) =>
                    {
                        isUnmarked = promises.Tokens.TryUnmark(id);
                        if (isUnmarked && transaction.FindSession(id) is { HoldsTokens: true } record)
                            transaction.PutSession(record with { HoldsTokens = false });
                        return true;
                    },
                    () =>
                    {
                        if (isUnmarked)
                            promises.Tokens.Mark(id);
                    });
            }
            catch (StorageException e)
            {
                TellNotStored(session, e);
            }
        }
    }

    /// <summary>Makes it durable that a restarted server need not wait for this client. Only where it holds nothing.</summary>
    private async Task MarkLapsedAsync(ClientSession session)
    {
        try
        {
            await writer.ChangeAsync((transaction, _) =>
            {
                if (session.IsLapsed && transaction.FindSession(session.Id) is { } record)
                    transaction.PutSession(record with { HasLapsed = true, HoldsTokens = false, HoldsLocks = false });
                return true;
            });
        }
        catch (StorageException e)
        {
            TellNotStored(session, e);
        }
    }

    private void TellNotStored(ClientSession session, StorageException e)
    {
        if (warnings.MayTell(session.Host, nameof(LogNotStored), out string more))
            LogNotStored(log, session.Client, e.Message, more);
    }

    /// <summary>A change of sessions in one transaction, and those that it ended.</summary>
    private async Task<(T Value, List<ClientSession> Ended)> ChangeAsync<T>(Func<IMetadataTransaction, Action<ClientSession>, T> run)
    {
        List<ClientSession> ended = [];
        T value = await writer.ChangeAsync((transaction, _) =>
        {
            ended.Clear();
            return run(transaction, session =>
            {
                sessionEnd.Run(transaction, session.Id);
                ended.Add(session);
            });
        });
        return (value, ended);
    }

    [LoggerMessage(EventId = 3101, Level = LogLevel.Information, Message = "The session of client {Client} has ended after {Minutes} minutes of silence{More}")]
    private static partial void LogEnded(ILogger log, ClientId client, double minutes, string more);

    [LoggerMessage(EventId = 3102, Level = LogLevel.Error, Message = "The state of client {Client}'s session could not be stored: {Reason}{More}")]
    private static partial void LogNotStored(ILogger log, ClientId client, string reason, string more);
}

/// <summary>
/// What goes with a session: its replies in the same transaction; its objects that never got a name after it, some at a time, for they may be many.
/// </summary>
internal sealed class SessionEnd(IMetadataStore metadata, Writer writer, RetiredContents retired, TimeProvider time)
{
    /// <summary>Objects deleted in one transaction, for which all others wait.</summary>
    private const int MostAtOnce = 256;

    /// <summary>An earlier life may have left some.</summary>
    private volatile bool _isDue = true;

    public void Run(IMetadataTransaction transaction, SessionId session)
    {
        transaction.DeleteSession(session);
        _isDue = true;
    }

    /// <summary>Deletes objects without a name whose session has ended: it is given to nobody again.</summary>
    /// <exception cref="StorageException">The rest is done another time.</exception>
    public async Task SweepAsync()
    {
        if (!_isDue)
            return;
        _isDue = false;
        try
        {
            List<(Fid Fid, SessionId Session)> abandoned;
            using (IMetadataView view = metadata.OpenView())
                abandoned = [.. view.ReadUnnamed().Where(unnamed => view.FindSession(unnamed.Session) is null)];
            foreach ((Fid Fid, SessionId Session)[] some in abandoned.Chunk(MostAtOnce))
                retired.Add(await writer.ChangeAsync((transaction, volumes) => Delete(transaction, volumes, some)));
        }
        catch
        {
            _isDue = true;
            throw;
        }
    }

    /// <summary>Contents that a row doesn't name any more once this is committed.</summary>
    private IReadOnlyList<ObjectId> Delete(IMetadataTransaction transaction, BatchVolumes volumes, (Fid Fid, SessionId Session)[] some)
    {
        var scope = ServerScope.Begin(transaction, volumes, null, default, default, time.GetUtcNow());
        foreach ((Fid fid, SessionId session) in some)
        {
            if (transaction.FindSession(session) is null && scope.Find(fid) is { LinkCount: 0 })
                scope.Delete(fid);
        }
        scope.Apply();
        return scope.Changes.Retired;
    }
}
