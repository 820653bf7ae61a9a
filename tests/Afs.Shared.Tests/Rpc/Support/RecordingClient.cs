using System.Collections.Concurrent;
using Afs.Rpc;

namespace Afs.Shared.Tests.Rpc;

/// <summary>The client's owner, writing down in their order what it is told and asked.</summary>
public sealed class RecordingClient : IClientSession, INotifyService
{
    public ConcurrentQueue<string> Events { get; } = new();

    public ConcurrentDictionary<long, int> Notified { get; } = new();

    public List<SessionId> Sessions { get; } = [];

    public long LastReplySentAt { get; private set; }

    public ulong LastReset { get; private set; }

    public Func<NumberMessage, Task>? OnNotify { get; set; }

    public void Replied(Epoch epoch, SessionTrust trust, long sentTimestamp)
    {
        Events.Enqueue($"replied {epoch.Value}");
        (LastReplySentAt, LastReset) = (sentTimestamp, trust.ResetCount);
    }

    public void Established(SessionId session, bool isNewSession, Epoch epoch, TimeSpan lease, SessionTrust trust)
    {
        Events.Enqueue($"established {session.Value} {(isNewSession ? "new" : "resumed")} {epoch.Value}");
        if (isNewSession)
            Sessions.Add(session);
    }

    public void Disconnected(string reason) => Events.Enqueue("disconnected");

    public async ValueTask<Outcome<NumberMessage>> NotifyAsync(NumberMessage request, CallContext context)
    {
        Events.Enqueue($"notified {request.Value}");
        Notified.AddOrUpdate(request.Value, 1, (_, n) => n + 1);
        if (OnNotify is { } wait)
            await wait(request);
        return new NumberMessage(-request.Value);
    }
}
