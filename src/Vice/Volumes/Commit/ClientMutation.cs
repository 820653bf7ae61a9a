using Afs.Rpc;
using Afs.Vice.Volumes.Metadata;
using Afs.Vice.Volumes.Mutations;
using Afs.Wire;

namespace Afs.Vice.Volumes.Commit;

/// <summary>What became of a mutation, and what the reply still waits for.</summary>
/// <param name="Breaks">Ends when no other client trusts what the mutation changed.</param>
public readonly record struct CommittedOutcome<TReply>(Outcome<TReply> Outcome, Task Breaks);

/// <summary>
/// A client's mutation on its way through the writer. At most once holds here: a call whose reply is stored is answered with it, and
/// the reply, a refusal too, is stored in the transaction of the change, with what it answers.
/// </summary>
/// <param name="weight">Changes that it is made of.</param>
internal sealed class ClientMutation<TReply>(
    CallContext call,
    Func<ServerScope, Outcome<TReply>> run,
    ICommitEffects effects,
    TimeProvider time,
    int weight)
    : QueuedWork
    where TReply : IWireMessage<TReply>
{
    private readonly TaskCompletionSource<CommittedOutcome<TReply>> _done = new();
    private CommittedOutcome<TReply> _committed;
    private Exception? _fault;
    private Outcome<TReply> _outcome;
    private ServerChanges? _changes;

    /// <summary>
    /// Faults with <see cref="MalformedMessageException"/> where another request had this number, with <see cref="CallUnansweredException"/> where
    /// nobody knows what happened, and with whatever else the mutation threw.
    /// </summary>
    public Task<CommittedOutcome<TReply>> Done => _done.Task;

    private CallId Id => call.Id;

    internal override int Weight => weight;

    internal override void Run(IMetadataTransaction transaction, BatchVolumes volumes)
    {
        if (transaction.FindSession(Id.Session) is not { } session || session.Client != Id.Client || Id.Sequence.Value <= session.ForgottenThrough.Value)
        {
            _outcome = Outcome<TReply>.NotExecuted;
            return;
        }
        if (transaction.FindReply(Id.Session, Id.Sequence) is { } stored)
        {
            _outcome = Decode(stored);
            return;
        }
        var scope = ServerScope.Begin(transaction, volumes, effects.Guard, Id, call.Caller, time.GetUtcNow());
        _changes = scope.Changes;
        _outcome = run(scope);
        if (!_outcome.IsReply && scope.IsApplied)
            throw new InvalidOperationException($"A mutation was refused ({_outcome.Abort}) after it wrote.");
        transaction.PutReply(Id.Session, Id.Sequence, Encode(_outcome));
        effects.Promise(Id.Session, scope.Changes.Promised);
    }

    internal override void Undone()
    {
        if (_changes is not null)
            effects.Abandoned(Id.Session, _changes);
        _changes = null;
    }

    internal override void Committed()
    {
        Task breaks = effects.Settled(Id.Session);
        if (_changes is not null && _outcome.IsReply)
            breaks = effects.Committed(Id, _changes);
        else if (_changes is not null)
            effects.Abandoned(Id.Session, _changes);
        _committed = new(_outcome, breaks);
    }

    internal override void Failed(Exception failure)
    {
        if (failure is not StorageException storage)
        {
            _fault = failure;
            return;
        }
        effects.Failed(Id.Session, storage);
        _committed = new(storage.Failure == StorageFailure.NoSpace ? AbortCodes.NoSpace : AbortCodes.ServerDiskFailed, Task.CompletedTask);
    }

    internal override void Lost(Exception reason) => _fault = GroupCommitter.Unanswered(reason);

    internal override void Complete()
    {
        if (_fault is null)
            _done.SetResult(_committed);
        else
            _done.SetException(_fault);
    }

    private StoredReply Encode(Outcome<TReply> outcome) => outcome.IsReply
        ? new StoredReply(AbortCode.None, WireCodec.ToBytes(outcome.Value), call.Request)
        : new StoredReply(outcome.Abort, ReadOnlyMemory<byte>.Empty, call.Request);

    /// <exception cref="MalformedMessageException">It answers another request.</exception>
    /// <exception cref="StorageException">It isn't what was written.</exception>
    private Outcome<TReply> Decode(StoredReply stored)
    {
        stored.Request.Require(call.Request, Id.Sequence);
        if (stored.Abort != AbortCode.None)
            return stored.Abort;
        try
        {
            return WireCodec.FromBytes<TReply>(stored.Body);
        }
        catch (MalformedMessageException) when (stored.Request == RequestDigest.Unknown)
        {
            throw; // An older program stored it, and it is no reply to this request.
        }
        catch (MalformedMessageException e)
        {
            throw new StorageException(StorageFailure.Corrupt, $"The stored reply of call {Id.Sequence} in session {Id.Session} is damaged.", e);
        }
    }
}
