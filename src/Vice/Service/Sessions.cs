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
        promises.Lapsed = session => _ = MarkAsync(session, hasLapsed: true);
    }

    /// <summary>Makes a session durable. One that the client had before ends: its process is gone, or has lost it.</summary>
    public async ValueTask<SessionId> CreateAsync(ClientId client)
    {
        List<ClientSession> replaced = table.Find(client) is { } before ? [before] : [];
        if (table.Count - replaced.Count >= options.MostSessions && table.All().MaxBy(session => session.SinceContact) is { } oldest)
            replaced.Add(oldest);
        (SessionId id, List<ObjectId> contents) = await writer.ChangeAsync((transaction, volumes) => Create(transaction, volumes, client, replaced));
        retired.Add(contents);
        replaced.ForEach(Ended);
        seen.Load(id, default);
        table.Add(promises.NewSession(id, client, isLapsed: false));
        return id;
    }

    /// <summary>The session of a call, ready to be promised something. Null: there is none.</summary>
    public async ValueTask<ClientSession?> EnterAsync(CallContext context)
    {
        if (!table.TryGet(context.Id.Session, out ClientSession? session) || session.Client != context.Id.Client)
            return null;
        if (session.IsLapsed)
            await MarkAsync(session, hasLapsed: false);
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

    public void Contact(SessionId session)
    {
        if (table.TryGet(session, out ClientSession? known))
            known.Contact();
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
        return !isKnown || await EndAsync(session!);
    }

    private async Task<bool> EndAsync(ClientSession session)
    {
        try
        {
            retired.Add(await writer.ChangeAsync((transaction, volumes) => SessionEnd.Run(transaction, volumes, session.Id, time.GetUtcNow())));
            Ended(session);
            return true;
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
        if (await EndAsync(session))
            LogEnded(log, session.Client, silence.TotalMinutes);
    }

    private (SessionId Id, List<ObjectId> Retired) Create(
        IMetadataTransaction transaction, BatchVolumes volumes, ClientId client, List<ClientSession> replaced)
    {
        List<ObjectId> contents = [];
        foreach (ClientSession old in replaced)
            contents.AddRange(SessionEnd.Run(transaction, volumes, old.Id, time.GetUtcNow()));
        ServerRecord server = transaction.ReadServer();
        var id = new SessionId(server.LastSession.Value + 1);
        transaction.PutServer(server with { LastSession = id });
        transaction.PutSession(new SessionRecord(id, client, default, HasLapsed: false));
        return (id, contents);
    }

    /// <summary>
    /// Makes it durable whether a restarted server must wait for this client. It is marked lapsed only when it holds nothing, and
    /// as back before it is promised anything.
    /// </summary>
    private async Task MarkAsync(ClientSession session, bool hasLapsed)
    {
        try
        {
            await writer.ChangeAsync((transaction, _) =>
            {
                if (session.IsLapsed && transaction.FindSession(session.Id) is { } record)
                    transaction.PutSession(record with { HasLapsed = hasLapsed });
                return true;
            });
            if (!hasLapsed)
                session.IsLapsed = false;
        }
        catch (StorageException e)
        {
            LogNotStored(log, session.Client, e.Message);
        }
    }

    [LoggerMessage(EventId = 3101, Level = LogLevel.Information, Message = "The session of client {Client} has ended after {Minutes} minutes of silence")]
    private static partial void LogEnded(ILogger log, ClientId client, double minutes);

    [LoggerMessage(EventId = 3102, Level = LogLevel.Error, Message = "The state of client {Client}'s session could not be stored: {Reason}")]
    private static partial void LogNotStored(ILogger log, ClientId client, string reason);
}
