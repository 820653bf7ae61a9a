using Afs.Rpc;
using Afs.Vice.Callbacks;
using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Vice.Service;

/// <summary>
/// Clients' sessions: made, kept over restarts, ended. What the Rpc layer asks of the server is answered here: it knows no
/// promise, and the promises know no connection.
/// </summary>
internal sealed partial class Sessions(
    ViceOptions options, Epoch epoch, LeaseTerms terms, SessionTable table, Promises promises, SeenReplies seen,
    Writer writer, RetiredContents retired, Func<IRpcChannel, IVenusCallbacks> callbacks, TimeProvider time, ILogger log)
    : IServerSessions
{
    public Epoch Epoch => epoch;

    public TimeSpan Lease => terms.Lease;

    public SessionTable Table => table;

    /// <summary>Those that an earlier life of the server left. A client of one may still trust what that life promised.</summary>
    public void Load(IReadOnlyList<SessionRecord> sessions)
    {
        foreach (SessionRecord record in sessions)
        {
            ClientSession session = promises.NewSession(record.Id, record.Client, record.HasLapsed);
            seen.Load(record.Id, record.ForgottenThrough);
            table.Add(session);
            if (!record.HasLapsed)
                promises.BreakEverything(session);
        }
        promises.Lapsed = session => _ = MarkLapsedAsync(session);
    }

    /// <summary>
    /// Makes a session durable. The Hello that asked for it may be a late one, of an attempt to connect that its client gave up long ago. So the
    /// one that the client uses ends with the first call in a later one, and not before; of those without a call the last is kept.
    /// </summary>
    public async ValueTask<SessionId> CreateAsync(ClientId client)
    {
        ClientSession? oldest = null;
        if (table.Count >= options.MostSessions && table.Of(client).All(static session => !session.IsUnused))
            oldest = table.All().MaxBy(static session => session.SinceContact);
        (SessionId id, List<ClientSession> replaced) = await ChangeAsync((transaction, end) =>
        {
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
        seen.Load(id, default);
        ClientSession session = promises.NewSession(id, client, isLapsed: true);
        session.IsUnused = true;
        table.Add(session);
        return id;
    }

    /// <summary>The session of a call, ready to be promised something. Null: there is none.</summary>
    public async ValueTask<ClientSession?> EnterAsync(CallContext context)
    {
        if (!table.TryGet(context.Id.Session, out ClientSession? session) || session.Client != context.Id.Client)
            return null;
        if (session.IsLapsed)
            await ReturnAsync(session);
        return session.IsLapsed || session.HasEnded ? null : session;
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

    public ulong ResetCount(SessionId session) => table.TryGet(session, out ClientSession? known) ? known.ResetCount : 0;

    /// <summary>Lets leases of silent clients lapse, and ends sessions that were silent for long.</summary>
    public async Task SweepAsync()
    {
        foreach (ClientSession session in table.All())
        {
            TimeSpan silence = session.SinceContact;
            if (silence >= options.SessionPatience)
                await ForgetAsync(session, silence);
            else if (silence >= terms.ServerWait)
                promises.Lapse(session);
        }
    }

    /// <summary>
    /// The client says that it leaves: neither a writer nor a restarted server waits for it from here on. False: that could not be made durable,
    /// and its lease runs out instead.
    /// </summary>
    public async ValueTask<bool> LeaveAsync(CallContext context)
    {
        bool isKnown = table.TryGet(context.Id.Session, out ClientSession? session) && session.Client == context.Id.Client;
        return !isKnown || await EndAsync(session!, TimeSpan.Zero);
    }

    /// <summary>False: it could not be made durable, or the client was heard meanwhile.</summary>
    private async Task<bool> EndAsync(ClientSession session, TimeSpan afterSilence)
    {
        try
        {
            (bool isOver, List<ClientSession> ended) = await ChangeAsync((_, end) =>
            {
                bool isSilent = session.SinceContact >= afterSilence;
                if (isSilent)
                    end(session);
                return isSilent;
            });
            ended.ForEach(Ended);
            return isOver;
        }
        catch (StorageException e)
        {
            LogNotStored(log, session.Client, e.Message);
            return false;
        }
    }

    private void Ended(ClientSession session)
    {
        table.Remove(session);
        seen.End(session.Id);
        promises.End(session);
    }

    private async Task ForgetAsync(ClientSession session, TimeSpan silence)
    {
        if (await EndAsync(session, options.SessionPatience))
            LogEnded(log, session.Client, silence.TotalMinutes);
    }

    /// <summary>
    /// A client that is to be promised something: a restarted server waits for it from here on, which is made durable first. Its older sessions
    /// end: their process is gone, or has lost them.
    /// </summary>
    private async Task ReturnAsync(ClientSession session)
    {
        try
        {
            (bool isThere, List<ClientSession> replaced) = await ChangeAsync((transaction, end) =>
            {
                if (!session.IsLapsed)
                    return true;
                if (transaction.FindSession(session.Id) is not { } record)
                    return false; // Another Hello of this client ended it before its first call.
                transaction.PutSession(record with { HasLapsed = false });
                session.IsUnused = false;
                foreach (ClientSession older in table.Of(session.Client).Where(s => s.Id.Value < session.Id.Value))
                    end(older);
                return true;
            });
            replaced.ForEach(Ended);
            if (isThere)
                session.IsLapsed = false;
        }
        catch (StorageException e)
        {
            LogNotStored(log, session.Client, e.Message);
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
                    transaction.PutSession(record with { HasLapsed = true });
                return true;
            });
        }
        catch (StorageException e)
        {
            LogNotStored(log, session.Client, e.Message);
        }
    }

    /// <summary>A change of sessions in one transaction, and those that it ended.</summary>
    private async Task<(T Value, List<ClientSession> Ended)> ChangeAsync<T>(Func<IMetadataTransaction, Action<ClientSession>, T> run)
    {
        List<ClientSession> ended = [];
        List<ObjectId> contents = [];
        T value = await writer.ChangeAsync((transaction, volumes) =>
        {
            return run(transaction, session =>
            {
                contents.AddRange(SessionEnd.Run(transaction, volumes, session.Id, time.GetUtcNow()));
                ended.Add(session);
            });
        });
        retired.Add(contents);
        return (value, ended);
    }

    [LoggerMessage(EventId = 3101, Level = LogLevel.Information, Message = "The session of client {Client} has ended after {Minutes} minutes of silence")]
    private static partial void LogEnded(ILogger log, ClientId client, double minutes);

    [LoggerMessage(EventId = 3102, Level = LogLevel.Error, Message = "The state of client {Client}'s session could not be stored: {Reason}")]
    private static partial void LogNotStored(ILogger log, ClientId client, string reason);
}
