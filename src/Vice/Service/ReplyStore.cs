using Afs.Rpc;
using Afs.Vice.Callbacks;
using Afs.Vice.Volumes.Metadata;

namespace Afs.Vice.Service;

/// <summary>The durable side of at-most-once, over the metadata. Mutations write their replies themselves, in their own transactions.</summary>
internal sealed class ReplyStore(IMetadataStore metadata, Sessions sessions, SeenReplies seen, Promises promises) : IReplyStore
{
    public bool TryGetSession(SessionId session, out ClientId client, out CallSequence forgottenThrough)
    {
        bool isKnown = sessions.Table.TryGet(session, out ClientSession? known);
        client = known?.Client ?? default;
        forgottenThrough = seen.Seen(session);
        return isKnown;
    }

    public ValueTask<SessionId> CreateSessionAsync(ClientId client, CancellationToken cancellation) => sessions.CreateAsync(client);

    /// <summary>
    /// While clients of an earlier life may still trust what a change of that life made stale, no reply is given from here: the call
    /// goes through the service, which finds the same reply and gives it when that is over.
    /// </summary>
    public StoredReply? Find(CallId call)
    {
        if (promises.HasBarriers || !sessions.Table.TryGet(call.Session, out ClientSession? session) || session.Client != call.Client)
            return null;
        using IMetadataView view = metadata.OpenView();
        return view.FindReply(call.Session, call.Sequence);
    }

    public void Forget(SessionId session, CallSequence through) => seen.Note(session, through);
}
